-- Fragment: the way back from IDs to keys. Needs _time.
--
-- The mapping decides: what stands here is where to look, and is asked for nothing that the mapping does not say, too.
-- So it may outlive its mapping; it is cleared away once the mapping's time is over, a few at a time.
--
-- `keys` HASH of the key of each ID, `expiries` ZSET of the IDs whose mappings expire, by the time in ms

local function check_reverse(keys, expiries)
  redis.call('HLEN', keys)
  redis.call('ZCARD', expiries)
end

-- Notes the key of each ID, where another one or none is noted; and when the mapping expires, where that is new: in
-- `lives` stands how long those live that were just made to, in ms (-1 = for ever).
local function note_keys(keys, expiries, ids, texts, mappings, lives)
  local noted = redis.call('HMGET', keys, unpack(ids))
  local now, latest, notes, due, lasting = now_millis(), {}, {}, {}, {}
  for at = 1, #ids do
    if lives[at] or (latest[ids[at]] or noted[at]) ~= texts[at] then
      latest[ids[at]] = texts[at] -- two keys may have one ID, by another program's hand
      notes[#notes + 1], notes[#notes + 2] = ids[at], texts[at]
      local left = lives[at] or redis.call('PTTL', mappings[at])
      if left < 0 then
        lasting[#lasting + 1] = ids[at]
      else
        due[#due + 1], due[#due + 2] = now + left, ids[at]
      end
    end
  end
  if #notes == 0 then
    return
  end
  redis.call('HSET', keys, unpack(notes))
  if #due > 0 then
    redis.call('ZADD', expiries, unpack(due))
  end
  if #lasting > 0 then
    redis.call('ZREM', expiries, unpack(lasting))
  end
  local past = redis.call('ZRANGEBYSCORE', expiries, '-inf', '(' .. now, 'LIMIT', 0, 2 * #ids)
  if #past > 0 then
    redis.call('HDEL', keys, unpack(past))
    redis.call('ZREM', expiries, unpack(past))
  end
  -- If all that is noted expires, so does the whole of it.
  local last = redis.call('ZREVRANGE', expiries, 0, 0, 'WITHSCORES')[2]
  if last and redis.call('ZCARD', expiries) == redis.call('HLEN', keys) then
    redis.call('PEXPIREAT', keys, last)
    redis.call('PEXPIREAT', expiries, last)
  else
    redis.call('PERSIST', keys)
    redis.call('PERSIST', expiries)
  end
end
