-- Deletes dead letters for good.
--
-- KEYS  1 dead, 2 index of the dead, 3 stats
-- ARGV  1 latest time of death in µs ('' = the latest there is), 2 the most to delete (at most 512), 3… the IDs (none = all there are)
-- Reply {how many letters were looked at, how many were deleted, the latest time of death}
-- Cost  four commands, and four for each letter

local dead, index, stats = KEYS[1], KEYS[2], KEYS[3]
check_graveyard(dead, index, stats)
local bound = ARGV[1] ~= '' and ARGV[1] or latest_death(index)
local ids = selected(index, 3, bound, ARGV[2])
local deleted = 0
for _, id in ipairs(ids) do
  if exhume(dead, index, stats, id) then
    deleted = deleted + 1
  end
end
return {#ids, deleted, bound}
