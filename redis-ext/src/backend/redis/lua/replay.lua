-- Moves dead letters back to the tail of the queue, the oldest first, and takes their cancellations back. A record is
-- a line about the death and, after the first line feed, the entry.
--
-- KEYS  1 ready, 2 dead, 3 index of the dead, 4 stats, 5 cancelled
-- ARGV  1 latest time of death in µs ('' = the latest there is), 2 the most to move (at most 512), 3… the IDs (none = all there are)
-- Reply {how many letters were looked at, how many were moved, the latest time of death}
-- Cost  eight commands, and five for each letter

local ready, dead, index, stats, cancelled = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
redis.call('LLEN', ready)
check_graveyard(dead, index, stats)
local bound = ARGV[1] ~= '' and ARGV[1] or latest_death(index)
local ids = selected(index, 3, bound, ARGV[2])
local any_cancelled = redis.call('ZCARD', cancelled) > 0
local entries = {}
for _, id in ipairs(ids) do
  local record = exhume(dead, index, stats, id)
  if record then
    entries[#entries + 1] = string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1)
    if any_cancelled then
      redis.call('ZREM', cancelled, id)
    end
  end
end
if #entries > 0 then
  redis.call('RPUSH', ready, unpack(entries))
end
return {#ids, #entries, bound}
