-- Finishes an effect, if the token is that of the latest begin.
--
-- KEYS  1 effect (HASH: token, finished_by, result)
-- ARGV  1 token, 2 result, 3 ttl in ms
-- Reply 1, also if it was finished with this token before; 0 if the token is not the latest, or all is forgotten
-- Cost  four commands

local finished_by = redis.call('HGET', KEYS[1], 'finished_by')
if finished_by then
  return finished_by == ARGV[1] and 1 or 0
end
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'finished_by', ARGV[1], 'result', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
