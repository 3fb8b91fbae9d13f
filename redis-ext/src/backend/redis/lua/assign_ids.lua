-- Gives each key its ID: the one that it has, or the next one of the counter.
--
-- A key that stands there twice gets one ID. The counter moves by as many as there are keys without an ID.
--
-- KEYS  1 counter, 2 mapping of each key (STRING: its ID); with the way back, before the mappings: 2 keys by ID (HASH),
--       3 their expiries (ZSET)
-- ARGV  1 the floor, 2 the life of a new mapping in s (0 = for ever), 3 whether those that there are live as long again
--       (0/1), 4 whether there is a way back (0/1), 5… if there is, the text of each key (at most 512)
-- Reply {counter before, counter after, ID of each key…}, all as texts
-- Cost  two commands, three more if there are new keys, one for each of these and for each life that begins anew; with
--       the way back four more, and up to twelve where there is something new to note

local floor, ttl, sliding, reverse = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4] == '1'
local mappings = {unpack(KEYS, reverse and 4 or 2)}

local counter = check_counter(KEYS[1])
if not counter then
  return corrupt(KEYS[1])
end
if reverse then
  check_reverse(KEYS[2], KEYS[3])
end
local ids = redis.call('MGET', unpack(mappings))
local absent, place = {}, {}
for at, mapping in ipairs(mappings) do
  if ids[at] then
    if not is_id(ids[at]) then
      return corrupt(mapping)
    end
  elseif not place[mapping] then
    absent[#absent + 1] = mapping
    place[mapping] = #absent
  end
end
-- What is there and has no text is of a wrong type, which is said by the first command that needs one.
if #absent > 0 and redis.call('EXISTS', unpack(absent)) > 0 then
  for _, mapping in ipairs(absent) do
    redis.call('STRLEN', mapping)
  end
end
if not has_room(counter, floor, #absent) then
  return exhausted(KEYS[1])
end

local last = advance(KEYS[1], counter, floor, #absent)
local high, low = halves(last)
local new, lives, life = {}, {}, ttl == '0' and -1 or 1000 * ttl
for number, mapping in ipairs(absent) do
  new[number] = joined(high, low - #absent + number)
  map(mapping, new[number], ttl)
end
for at, mapping in ipairs(mappings) do
  local number = place[mapping]
  if number then
    ids[at] = new[number]
  elseif sliding then
    redis.call('EXPIRE', mapping, ttl)
  end
  lives[at] = (number or sliding) and life
end
if reverse then
  note_keys(KEYS[2], KEYS[3], ids, {unpack(ARGV, 5)}, mappings, lives)
end
return {counter, last, unpack(ids)}
