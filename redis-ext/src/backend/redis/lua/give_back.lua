-- Takes one batch from an incarnation, whose tasks go to the head of the queue or to the dead letters. What goes
-- where was decided by the caller, who has read the batch: if that is out of date, nothing happens.
--
-- KEYS  1 ready, 2 registry, 3 the batch, 4 its settled indexes, 5 dead, 6 index of the dead, 7 stats,
--       8… unique locks
-- ARGV  1 number of the batch, 2 how many of its tasks were settled when it was read, 3 how many entries go to the
--       head of the queue; then these entries; then for each dead letter: id, record, the place of its lock in KEYS
--       (0 = none)
-- Reply 1, or 0 if the batch is gone or has changed
-- Cost  six commands, one for each entry, four for each dead letter

local ready, registry, list, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local dead, index, stats = KEYS[5], KEYS[6], KEYS[7]
local batch, settled, requeued = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

redis.call('LLEN', ready)
check_graveyard(dead, index, stats)
if redis.call('HEXISTS', registry, batch) == 0 or redis.call('SCARD', marks) ~= settled then
  return 0
end
local unlocked = {}
for at = 4 + requeued, #ARGV, 3 do
  local lock = KEYS[tonumber(ARGV[at + 2])]
  if lock and redis.call('GET', lock) == ARGV[at] then
    unlocked[#unlocked + 1] = lock
  end
end

redis.call('DEL', list, marks)
redis.call('HDEL', registry, batch)
for at = 3 + requeued, 4, -1 do
  redis.call('LPUSH', ready, ARGV[at])
end
local now = now_micros()
for at = 4 + requeued, #ARGV, 3 do
  bury(dead, index, stats, ARGV[at], ARGV[at + 1], now + at)
end
if #unlocked > 0 then
  redis.call('DEL', unpack(unlocked))
end
return 1
