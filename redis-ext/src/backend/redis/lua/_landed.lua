-- Fragment: stands before claim.lua in the script behind a blocking move, as a push wakes it and a handler waits for
-- it. In the usual case, where one task has landed and nothing is out of the ordinary, it does what claim() would do,
-- in three quarters of the time; in any other case the script goes on to claim().
--
-- KEYS, ARGV and the answer are those of claim.lua.

local expiry = redis.call('ZSCORE', KEYS[2], ARGV[1])
if
  expiry
  and expiry ~= '0'
  and redis.call('EXISTS', KEYS[5], KEYS[6], KEYS[7]) == 0
  and redis.call('LLEN', KEYS[1]) == 0
  and redis.call('LLEN', KEYS[4]) == 1
  and tonumber(redis.call('GET', KEYS[8]) or -1) < tonumber(ARGV[2])
then
  -- Of the registry's type nothing is known before, but a wrong one fails here, at the first write.
  redis.call('HSET', KEYS[3], ARGV[2], '1')
  -- Not LMOVE, which would be a right more than claim() needs.
  local entry = redis.call('LPOP', KEYS[4])
  redis.call('RPUSH', KEYS[6], entry)
  redis.call('SET', KEYS[8], ARGV[2])
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  return {now, 0, expiry - now, {entry}, 0}
end

