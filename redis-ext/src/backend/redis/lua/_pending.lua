-- Fragment: a debouncer's pending firings. Needs _time, _payloads.
--
-- Scores are due times in Unix seconds, as the Python package writes them; everything else counts in whole micro- or
-- milliseconds. A score of another program may be infinite, so what is answered is bounded.

local FAR = 9e15 -- ms: later than any due time that is meant

local function score_at(micros)
  return string.format('%.6f', micros / 1e6)
end

-- Cut to whole milliseconds, after a microsecond that makes up for what a float lacks.
local function due_millis(score)
  return string.format('%.0f', math.floor(math.max(0, math.min(FAR, tonumber(score) * 1000 + 0.001))))
end

local function earliest(pending)
  local first = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')[2]
  return first and tonumber(first) or math.huge
end

-- Tells all schedulers that something is due before what they wait for. Those who may not publish still find out when
-- they look by themselves.
local function wake(channel)
  redis.pcall('PUBLISH', channel, '')
end

-- Makes a firing pending that was claimed or quarantined, `payloads` being older than what came meanwhile.
local function put_back(pending, parked, all_payloads, member, score, payloads)
  local current = redis.call('ZSCORE', pending, member) or redis.call('ZSCORE', parked, member)
  if current and tonumber(current) < tonumber(score) then
    score = current
  end
  redis.call('ZREM', parked, member)
  redis.call('ZADD', pending, score, member)
  local merged = merged_payloads(payloads, redis.call('HGET', all_payloads, member))
  if merged then
    redis.call('HSET', all_payloads, member, merged)
  end
  return tonumber(score)
end

-- A member's run is over: if the member became due meanwhile, it is due now.
local function unpark(pending, parked, member)
  local score = redis.call('ZSCORE', parked, member)
  if score then
    redis.call('ZREM', parked, member)
    redis.call('ZADD', pending, score, member)
    return tonumber(score)
  end
  return math.huge
end

-- A claimed or quarantined firing is `<score>|<payloads>`.
local function split_record(record)
  local bar = string.find(record, '|', 1, true)
  local payloads = string.sub(record, bar + 1)
  return string.sub(record, 1, bar - 1), payloads ~= '' and payloads
end

