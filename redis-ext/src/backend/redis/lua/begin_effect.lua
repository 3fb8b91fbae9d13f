-- Begins an effect, unless it is finished.
--
-- KEYS  1 effect (HASH: token, finished_by, result)
-- ARGV  1 ttl in ms
-- Reply {token, ''}, or {0, result} if it is finished
-- Cost  three commands

if redis.call('HEXISTS', KEYS[1], 'finished_by') == 1 then
  return {0, redis.call('HGET', KEYS[1], 'result')}
end
local token = redis.call('HINCRBY', KEYS[1], 'token', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {token, ''}
