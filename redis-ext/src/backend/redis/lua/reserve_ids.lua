-- Takes the next IDs of the counter.
--
-- KEYS  1 counter
-- ARGV  1 the floor, 2 how many
-- Reply {counter before, the last ID that was taken}, both as texts
-- Cost  three commands

local counter = check_counter(KEYS[1])
if not counter then
  return corrupt(KEYS[1])
end
if not has_room(counter, ARGV[1], tonumber(ARGV[2])) then
  return exhausted(KEYS[1])
end
return {counter, advance(KEYS[1], counter, ARGV[1], tonumber(ARGV[2]))}
