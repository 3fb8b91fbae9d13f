-- Removes members from a set and adds others; the version grows by one if that changes anything.
--
-- KEYS  1 value, 2 version, 3 log
-- ARGV  1 change, 2 the version that the set must have ('' = any), 3 the most entries and 4 the most bytes of the log,
--       5 how many to remove at most, 6 how many of the members are to be removed; then the members (at most 512), each
--       once, first those to be removed
-- Reply {1, entry}, made now or before; {0, version, its change, number of members}, as it was so already;
--       {-1, version}, as that is not the expected one. The error CORRUPT
-- Cost  nine commands, whatever the members

local set, fault = read_set(ARGV[1])
if fault then
  return fault
end
local answer = answer_without_change(set, ARGV[2])
if answer then
  return answer
end
local split = 6 + ARGV[6]
local removed, added = {}, {}
if #ARGV > 6 then
  local is_member = redis.call('SMISMEMBER', KEYS[1], unpack(ARGV, 7))
  local most = tonumber(ARGV[5])
  for at = 7, #ARGV do
    local there = is_member[at - 6] == 1
    if at > split then
      if not there then
        added[#added + 1] = ARGV[at]
      end
    elseif there and #removed < most then
      removed[#removed + 1] = ARGV[at]
    end
  end
end
if #removed + #added == 0 then
  return unchanged(set)
end
if #added > 0 then
  redis.call('SADD', KEYS[1], unpack(added))
end
if #removed > 0 then
  redis.call('SREM', KEYS[1], unpack(removed))
end
return {1, log_change(set, ARGV[1], set.len - #removed + #added, removed, added, tonumber(ARGV[3]), tonumber(ARGV[4]))}
