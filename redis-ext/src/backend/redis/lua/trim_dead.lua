-- Deletes the oldest dead letters until count, age and bytes are within their bounds.
--
-- KEYS  1 dead, 2 index of the dead, 3 stats
-- ARGV  1 the most letters, 2 the greatest age in ms, 3 the most bytes, 4 the most to delete (at most 512)
-- Reply how many were deleted
-- Cost  seven commands, and four for each letter deleted

local dead, index, stats = KEYS[1], KEYS[2], KEYS[3]
check_graveyard(dead, index, stats)
local oldest_kept = now_micros() - tonumber(ARGV[2]) * 1000
local count = redis.call('ZCARD', index)
local bytes = tonumber(redis.call('HGET', stats, 'dead_bytes') or 0)
local letters = redis.call('ZRANGE', index, 0, ARGV[4] - 1, 'WITHSCORES')
local deleted = 0
for at = 1, #letters, 2 do
  if count <= tonumber(ARGV[1]) and bytes <= tonumber(ARGV[3]) and tonumber(letters[at + 1]) >= oldest_kept then
    break
  end
  local record = exhume(dead, index, stats, letters[at])
  count, bytes, deleted = count - 1, bytes - #(record or ''), deleted + 1
end
return deleted
