-- Tells where a set stands and what led there from a mark.
--
-- KEYS  1 value, 2 version, 3 log
-- ARGV  1 version, 2 change (- = not known), 3 number of members of the mark ('' = none, for all three),
--       4 the most members, and the most changes, to give
-- Reply {version, its change, number of members, kind, list}: kind 1, the entries of the changes since the mark;
--       2, the members; 0, there are too many of both and the list is empty. The error CORRUPT
-- Cost  three commands, and one for the entries or the members

local set, fault = read_set('')
if fault then
  return fault
end
local function reply(kind, list)
  return {set.version, set.change, set.len, kind, list}
end
local most = tonumber(ARGV[4])
if ARGV[1] ~= '' then
  local steps = set.version - ARGV[1]
  if steps == 0 and set.change == ARGV[2] and text_of(set.len) == ARGV[3] then
    return reply(1, {})
  end
  if steps > 0 and steps <= most and set.change ~= '-' and set.last - steps + 1 >= set.first then
    local numbers = {}
    for at = 1, steps do
      numbers[at] = set.last - steps + at
    end
    return reply(1, redis.call('HMGET', KEYS[3], unpack(numbers)))
  end
end
if set.len <= most then
  return reply(2, redis.call('SMEMBERS', KEYS[1]))
end
return reply(0, {})
