-- Makes an incarnation known. One whose recovery has begun cannot come back.
--
-- KEYS  1 workers
-- ARGV  1 worker, 2 ttl in ms
-- Reply 1; the error LEASELOST
-- Cost  four commands

local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if expiry == '0' then
  return lease_lost()
end
allow_when_out_of_memory(KEYS[1])
redis.call('ZADD', KEYS[1], now_millis() + ARGV[2], ARGV[1])
return 1
