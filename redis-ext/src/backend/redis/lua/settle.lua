-- Applies what became of tasks of one batch and, in the same step, claims the next batch.
--
-- A batch of which everything is settled is deleted as a whole, without a look at its tasks. Until then the settled
-- ones are marked in a set beside it, and the registry's number of those that are not settled goes down; a slash in
-- it tells that there are marks. A batch that is not registered was settled by an earlier copy of this call, whose
-- reply was lost: nothing is left to do. The same holds for marked tasks.
--
-- KEYS  1 ready, 2 workers, 3 registry, 4 landing, 5 paused, 6 the next batch, 7 cancelled,
--       8 the latest batch, 9 the batch, 10 its settled indexes, 11 scheduled, 12 dead, 13 index of the dead, 14 stats,
--       15… unique locks
-- ARGV  1 worker, 2 number of the batch, 3 how many tasks are settled, 4 their indexes, with spaces between them,
--       5 number of the next batch ('' = none), 6 the most it may hold (at most 512);
--       then for each effect: index, kind, and two values:
--         'cancelled': id, ''; 'retry': member, delay in ms; 'dead': id, record; 'release': entry, '';
--         'unlock': the lock's place in KEYS, id (only its holder's lock is deleted)
-- Reply see _claim.lua; the error LEASELOST
-- Cost  four commands for a batch that is done, and those of the claim

local ready, workers, registry, cancelled, list, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[7], KEYS[9], KEYS[10]
local scheduled, dead, index, stats = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local batch, settled, next_batch = ARGV[2], tonumber(ARGV[3]), ARGV[5]

local lease = lease_of(workers, ARGV[1])
if not lease then
  return lease_lost()
end
local found = next_batch ~= '' and check_claim(next_batch)

local registered = redis.call('HGET', registry, batch)
if registered then
  local unsettled, size = string.match(registered, '^(%d+)/(%d+)$')
  local marked = size ~= nil
  unsettled = tonumber(unsettled or registered)
  size = size or registered

  local effects = {cancelled = {}, retry = {}, dead = {}, release = {}, unlock = {}}
  for at = 7, #ARGV, 4 do
    if not marked or redis.call('SISMEMBER', marks, ARGV[at]) == 0 then
      local of_kind = effects[ARGV[at + 1]]
      of_kind[#of_kind + 1] = at
    end
  end

  -- Wrong types fail here, before anything is written.
  if #effects.cancelled > 0 then
    redis.call('ZCARD', cancelled)
  end
  if #effects.retry > 0 then
    redis.call('ZCARD', scheduled)
  end
  if #effects.dead > 0 then
    check_graveyard(dead, index, stats)
  end
  if #effects.release > 0 then
    redis.call('LLEN', ready)
  end
  local unlocked = {}
  for _, at in ipairs(effects.unlock) do
    local lock = KEYS[tonumber(ARGV[at + 2])]
    if redis.call('GET', lock) == ARGV[at + 3] then
      unlocked[#unlocked + 1] = lock
    end
  end

  if settled < unsettled or marked then
    local indexes = {}
    for at in string.gmatch(ARGV[4], '%d+') do
      indexes[#indexes + 1] = at
    end
    allow_when_out_of_memory(registry)
    unsettled = unsettled - redis.call('SADD', marks, unpack(indexes))
  else
    unsettled = 0
  end
  if unsettled > 0 then
    redis.call('HSET', registry, batch, unsettled .. '/' .. size)
  else
    redis.call('DEL', list, marks)
    redis.call('HDEL', registry, batch)
  end

  if #unlocked > 0 then
    redis.call('DEL', unpack(unlocked))
  end
  if #effects.cancelled > 0 then
    local ids = {}
    for place, at in ipairs(effects.cancelled) do
      ids[place] = ARGV[at + 2]
    end
    redis.call('ZREM', cancelled, unpack(ids))
  end
  if #effects.retry > 0 then
    local now = now_millis()
    for _, at in ipairs(effects.retry) do
      redis.call('ZADD', scheduled, now + ARGV[at + 3], ARGV[at + 2])
    end
  end
  if #effects.dead > 0 then
    local now = now_micros()
    for place, at in ipairs(effects.dead) do
      bury(dead, index, stats, ARGV[at + 2], ARGV[at + 3], now + place)
    end
  end
  local released = {}
  for place, at in ipairs(effects.release) do
    released[place] = ARGV[at + 2]
  end
  to_head(ready, released)
end

if next_batch ~= '' then
  return claim(lease, found, next_batch, tonumber(ARGV[6]))
end
local now = now_millis()
return {now, 0, lease - now, {}, 0}
