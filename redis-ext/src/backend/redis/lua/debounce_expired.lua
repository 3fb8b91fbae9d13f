-- Names claims whose leases have expired.
--
-- KEYS  1 claims
-- ARGV  1 the most to name
-- Reply their ids
-- Cost  two commands

return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now_millis()), 'LIMIT', 0, ARGV[1])
