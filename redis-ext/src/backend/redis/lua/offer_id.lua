-- Gives a key this ID, unless it has one.
--
-- (SET with NX and GET does it from Redis 7.0 on, but says nothing of what is no ID.)
--
-- KEYS  1 the key's mapping
-- ARGV  1 the ID, 2 the life of a new mapping in s (0 = for ever), 3 whether one that there is lives as long again (0/1)
-- Reply the ID that the key has now, as a text
-- Cost  two commands

local id = redis.call('GET', KEYS[1])
if not id then
  map(KEYS[1], ARGV[1], ARGV[2])
  return ARGV[1]
end
if not is_id(id) then
  return corrupt(KEYS[1])
end
if ARGV[3] == '1' then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return id
