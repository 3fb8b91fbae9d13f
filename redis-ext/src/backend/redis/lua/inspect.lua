-- Counts what the queue holds, all at one moment: a task on its way is counted once, wherever it is.
--
-- The places of claimed tasks are the workers' own, so the caller must know the workers before it can name the keys.
-- If the ones it knows are not those that there are, nothing is counted, and it asks again.
--
-- KEYS  1 ready, 2 scheduled, 3 index of the dead, 4 workers, 5 paused; then for each worker: registry, landing
-- ARGV  the workers that the caller knows
-- Reply {ready, scheduled, dead, paused (0/1), claimed}, or the workers that there are
-- Cost  five commands, and three for each worker

local workers = KEYS[4]
local known = redis.call('ZCARD', workers) == #ARGV
for at = 1, #ARGV do
  known = known and redis.call('ZSCORE', workers, ARGV[at])
end
if not known then
  return redis.call('ZRANGE', workers, 0, -1)
end
local claimed = 0
for at = 6, #KEYS, 2 do
  for _, unsettled in ipairs(redis.call('HVALS', KEYS[at])) do
    claimed = claimed + string.match(unsettled, '%d+')
  end
  claimed = claimed + redis.call('LLEN', KEYS[at + 1])
end
return {
  redis.call('LLEN', KEYS[1]),
  redis.call('ZCARD', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('EXISTS', KEYS[5]),
  claimed,
}
