-- Forgets all pending firings, and with them what is remembered of bursts and quiet times.
--
-- KEYS  1 pending, 2 parked, 3 payloads, 4 bursts, 5 quiet
-- ARGV  none
-- Reply how many firings were pending
-- Cost  three commands; the memory is freed beside them

local count = redis.call('ZCARD', KEYS[1]) + redis.call('ZCARD', KEYS[2])
redis.call('UNLINK', unpack(KEYS))
return count
