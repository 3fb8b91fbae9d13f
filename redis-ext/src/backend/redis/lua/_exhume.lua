-- Fragment: takes one dead letter away, and answers its record (false if there was none). The counterpart of _bury.

local function exhume(dead, index, stats, id)
  local record = redis.call('HGET', dead, id)
  redis.call('ZREM', index, id)
  if record then
    redis.call('HDEL', dead, id)
    redis.call('HINCRBY', stats, 'dead_bytes', -#record)
  end
  return record
end

-- The time of the latest death: letters of one call are dated a little apart, some of them ahead of the clock.
local function latest_death(index)
  return redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')[2] or '0'
end

-- The letters that a replay or a deletion is for: those named in ARGV from `first` on, or else the `max` oldest that
-- died no later than `bound`.
local function selected(index, first, bound, max)
  if ARGV[first] then
    return {unpack(ARGV, first)}
  end
  return redis.call('ZRANGEBYSCORE', index, '-inf', bound, 'LIMIT', 0, max)
end

