-- Adds tasks, some of which are unique, to the tail of the queue. (Without unique ones a plain RPUSH does it.)
--
-- KEYS  1 ready, 2… unique locks
-- ARGV  for each task: entry, id, the place of its lock in KEYS (0 = none), the lock's ttl in ms
-- Reply for each task: '' if it was added, else the ID of the lock's holder
-- Cost  three commands for each unique task, one for the rest

redis.call('LLEN', KEYS[1])
local entries, holders = admit(1)
if #entries > 0 then
  redis.call('RPUSH', KEYS[1], unpack(entries))
end
return holders
