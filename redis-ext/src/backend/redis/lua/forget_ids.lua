-- Takes keys' IDs away, with the way back from them.
--
-- KEYS  1 keys by ID (HASH), 2 their expiries (ZSET), 3… mapping of each key
-- ARGV  the text of each key (at most 512)
-- Reply how many of the keys had something for an ID
-- Cost  two commands, and up to five for each key

redis.call('HLEN', KEYS[1])
redis.call('ZCARD', KEYS[2])
local ids = {}
for at = 1, #ARGV do
  ids[at] = redis.call('GET', KEYS[at + 2]) -- fails on a wrong type, before anything is written
end
local forgotten = 0
for at = 1, #ARGV do
  if ids[at] then
    forgotten = forgotten + redis.call('DEL', KEYS[at + 2])
    if redis.call('HGET', KEYS[1], ids[at]) == ARGV[at] then
      redis.call('HDEL', KEYS[1], ids[at])
      redis.call('ZREM', KEYS[2], ids[at])
    end
  end
end
return forgotten
