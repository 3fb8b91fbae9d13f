-- Fragment: unique locks for enqueue_unique.lua and schedule.lua.
--
-- `first` is the place in ARGV of the first task's fields: entry, id, the place of its lock in KEYS (0 = none),
-- the lock's ttl in ms. Answers the entries that were let in, and for every task the ID that is now pending: an
-- empty text for a task that was let in, else the ID of the lock's holder. A lock that the task itself holds means
-- that the reply to an earlier copy of this call was lost: the task is not let in twice, and is no duplicate.

local function admit(first)
  for at = first, #ARGV, 4 do
    if ARGV[at + 2] ~= '0' then
      redis.call('STRLEN', KEYS[tonumber(ARGV[at + 2])]) -- fails on a wrong type, before anything is written
    end
  end
  local entries, holders = {}, {}
  for at = first, #ARGV, 4 do
    local entry, id, lock, ttl = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
    if lock == 0 or redis.call('SET', KEYS[lock], id, 'NX', 'PX', ttl) then
      entries[#entries + 1] = entry
      holders[#holders + 1] = ''
    else
      local holder = redis.call('GET', KEYS[lock])
      holders[#holders + 1] = holder ~= id and holder or ''
    end
  end
  return entries, holders
end

