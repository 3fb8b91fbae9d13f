-- Counts what there is under a debouncer's key.
--
-- KEYS  1 pending, 2 parked, 3 active, 4 quarantine
-- ARGV  none
-- Reply {pending, overdue, active, quarantined}
-- Cost  six commands

local parked = redis.call('ZCARD', KEYS[2])
return {
  redis.call('ZCARD', KEYS[1]) + parked,
  redis.call('ZCOUNT', KEYS[1], '-inf', score_at(now_micros())) + parked,
  redis.call('HLEN', KEYS[3]),
  redis.call('ZCARD', KEYS[4]),
}
