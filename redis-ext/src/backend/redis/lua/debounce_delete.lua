-- Deletes quarantined firings for good.
--
-- KEYS  1 quarantine, 2 its records
-- ARGV  the members (at most 512)
-- Reply how many were quarantined
-- Cost  two commands

redis.call('ZCARD', KEYS[1])
redis.call('HLEN', KEYS[2])
redis.call('ZREM', KEYS[1], unpack(ARGV))
return redis.call('HDEL', KEYS[2], unpack(ARGV))
