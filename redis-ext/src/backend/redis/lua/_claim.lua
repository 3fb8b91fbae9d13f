-- Fragment: the claiming part of claim.lua and settle.lua. Needs _time, _head.
--
-- What a blocking move dropped into the landing list counts as taken from the head of the queue a moment ago: it
-- comes first in the batch, and when the queue is paused it goes back.
--
-- KEYS used: 1 ready, 2 workers, 3 registry, 4 landing, 5 paused, 6 the new batch, 7 cancelled, 8 the latest batch
-- The answer: {now in ms, paused (0/1), ms left of the lease, {entry, …}, whether tasks are marked as cancelled (0/1)}

-- Fails on a wrong type, before anything is written. Answers what claim() has to know.
local function check_claim(batch)
  redis.call('LLEN', KEYS[1])
  local found = {
    landed = redis.call('LLEN', KEYS[4]),
    repeated = redis.call('HEXISTS', KEYS[3], batch) == 1,
    late = tonumber(redis.call('GET', KEYS[8]) or -1) >= tonumber(batch),
    paused = false,
    cancelled = 0,
  }
  -- One look finds out that nothing is out of the ordinary.
  if redis.call('EXISTS', KEYS[5], KEYS[6], KEYS[7]) > 0 then
    redis.call('LLEN', KEYS[6])
    found.paused = redis.call('EXISTS', KEYS[5]) == 1
    found.cancelled = redis.call('EXISTS', KEYS[7])
  end
  return found
end

local function claim(lease, found, batch, max)
  local ready, registry, landing, list = KEYS[1], KEYS[3], KEYS[4], KEYS[6]
  local now = now_millis()
  if found.repeated then
    -- The reply to the first claim was lost: the same again.
    return {now, 0, lease - now, redis.call('LRANGE', list, 0, -1), found.cancelled}
  end
  if found.late then
    -- A copy of a claim that was repeated and settled since: nobody waits for its answer.
    return {now, 0, lease - now, {}, found.cancelled}
  end
  local entries = found.landed > 0 and redis.call('LPOP', landing, max) or {}
  if found.paused then
    to_head(ready, entries)
    return {now, 1, lease - now, {}, found.cancelled}
  end
  if #entries < max then
    local more = redis.call('LPOP', ready, max - #entries) or {}
    if #entries == 0 then
      entries = more
    else
      for at = 1, #more do
        entries[#entries + 1] = more[at]
      end
    end
  end
  if #entries > 0 then
    redis.call('RPUSH', list, unpack(entries))
    redis.call('HSET', registry, batch, #entries)
    redis.call('SET', KEYS[8], batch)
  end
  return {now, 0, lease - now, entries, found.cancelled}
end

