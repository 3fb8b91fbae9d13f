-- Fragment: the counter of a class, which stands at the last ID that was given. Needs _decimal.
--
-- `floor` is where the caller has seen it stand: if it is lower now, it was lost, and is lifted before it is used.

-- Where the counter stands, before anything is written; nothing if it holds no ID.
local function check_counter(key)
  local counter = redis.call('GET', key) or '0'
  return is_id(counter) and counter
end

local function has_room(counter, floor, count)
  local high, low = halves(LARGEST_ID)
  return at_most(at_most(floor, counter) and counter or floor, joined(high, low - count))
end

local function exhausted(key)
  return redis.error_reply('EXHAUSTED the counter ' .. key .. ' has no room for so many IDs')
end

-- Takes the next `count` IDs, and answers the last of them.
local function advance(key, counter, floor, count)
  local from = counter
  if not at_most(floor, counter) then
    redis.call('SET', key, floor)
    from = floor
  end
  if count == 0 then
    return from
  end
  redis.call('INCRBY', key, count)
  return redis.call('GET', key)
end
