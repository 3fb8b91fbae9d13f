-- Adds tasks that become ready later. A member is `<id>:<entry>`, so equal entries stay apart, and a repeated call
-- schedules nothing twice.
--
-- KEYS  1 scheduled, 2… unique locks
-- ARGV  1 'in' or 'at', 2 ms (from now, or since the epoch); then for each task: member, id, the place of its lock
--       in KEYS (0 = none), the lock's ttl in ms
-- Reply for each task: '' if it was added, else the ID of the lock's holder
-- Cost  two commands, and three for each unique task

redis.call('ZCARD', KEYS[1])
local due = tonumber(ARGV[2])
if ARGV[1] == 'in' then
  due = due + now_millis()
end
local members, holders = admit(3)
local scored = {}
for at = 1, #members do
  scored[2 * at - 1], scored[2 * at] = due, members[at]
end
if #members > 0 then
  redis.call('ZADD', KEYS[1], unpack(scored))
end
return holders
