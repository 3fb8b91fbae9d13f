-- Applies what became of tasks of one batch and, in the same step, claims the next batch.
--
-- A batch of which everything is settled is deleted as a whole, without a look at its tasks. Until then the settled
-- ones are marked in a set beside it. A batch that is not registered was settled by an earlier copy of this call,
-- whose reply was lost: nothing is left to do. The same holds for marked tasks.
--
-- KEYS  1 ready, 2 workers, 3 registry, 4 landing, 5 paused, 6 the next batch, 7 the batch, 8 its settled indexes,
--       9 scheduled, 10 dead, 11 index of the dead, 12 stats, 13… unique locks
-- ARGV  1 worker, 2 number of the batch, 3 how many tasks are settled, 4 their indexes, with spaces between them,
--       5 number of the next batch ('' = none), 6 the most it may hold (at most 512);
--       then for each effect: index, kind, and two values:
--         'retry': member, delay in ms; 'dead': id, record; 'release': entry, '';
--         'unlock': the lock's place in KEYS, id (only its holder's lock is deleted)
-- Reply see _claim.lua; the error LEASELOST
-- Cost  four commands for a batch that is done, and those of the claim

local ready, workers, registry, list, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[7], KEYS[8]
local scheduled, dead, index, stats = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local batch, settled, next_batch = ARGV[2], tonumber(ARGV[3]), ARGV[5]

local lease = lease_of(workers, ARGV[1])
if not lease then
  return lease_lost()
end
local found = next_batch ~= '' and check_claim(next_batch)

local size = tonumber(redis.call('HGET', registry, batch) or 0)
if size > 0 then
  -- A batch settled as a whole and without effects needs no look at the marks.
  local marked = (settled < size or #ARGV > 6) and redis.call('EXISTS', marks) == 1

  local effects = {retry = {}, dead = {}, release = {}, unlock = {}}
  for at = 7, #ARGV, 4 do
    if not marked or redis.call('SISMEMBER', marks, ARGV[at]) == 0 then
      local of_kind = effects[ARGV[at + 1]]
      of_kind[#of_kind + 1] = at
    end
  end

  -- Wrong types fail here, before anything is written.
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

  if settled < size or marked then
    local indexes = {}
    for at in string.gmatch(ARGV[4], '%d+') do
      indexes[#indexes + 1] = at
    end
    allow_when_out_of_memory(registry)
    redis.call('SADD', marks, unpack(indexes))
    settled = redis.call('SCARD', marks)
  end
  if settled >= size then
    redis.call('DEL', list, marks)
    redis.call('HDEL', registry, batch)
  end

  if #unlocked > 0 then
    redis.call('DEL', unpack(unlocked))
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
return {now, 0, lease - now, {}}
