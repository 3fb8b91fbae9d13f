-- Lists a page of the dead letters, the latest first.
--
-- KEYS  1 dead, 2 index of the dead
-- ARGV  1 how many to pass over, 2 how many to list (at most 512)
-- Reply {how many there are, {id, died at (µs since the epoch), record (nil if it is missing), …}}
-- Cost  four commands

local dead, index = KEYS[1], KEYS[2]
redis.call('HLEN', dead)
local total = redis.call('ZCARD', index)
local page = {}
if ARGV[2] ~= '0' then -- a range of none is a range to the end
  page = redis.call('ZREVRANGE', index, ARGV[1], ARGV[1] + ARGV[2] - 1, 'WITHSCORES')
end
if #page == 0 then
  return {total, {}}
end
local ids = {}
for at = 1, #page, 2 do
  ids[#ids + 1] = page[at]
end
local records = redis.call('HMGET', dead, unpack(ids))
local letters = {}
for place, id in ipairs(ids) do
  letters[3 * place - 2], letters[3 * place - 1], letters[3 * place] = id, page[2 * place], records[place]
end
return {total, letters}
