-- Forgets the pending firings of members.
--
-- KEYS  1 pending, 2 parked, 3 payloads, 4 bursts, 5 quiet
-- ARGV  the members (at most 512)
-- Reply for each member: 1 if it was pending, else 0
-- Cost  five commands, and two to five for each member

local pending, parked, payloads, bursts, quiet = unpack(KEYS)
redis.call('ZCARD', pending)
redis.call('ZCARD', parked)
redis.call('HLEN', payloads)
redis.call('HLEN', bursts)
redis.call('ZCARD', quiet)
local replies = {}
for at, member in ipairs(ARGV) do
  local was_pending = redis.call('ZREM', pending, member) + redis.call('ZREM', parked, member) > 0
  if was_pending then
    redis.call('HDEL', payloads, member)
    redis.call('HDEL', bursts, member)
    -- It has not fired, so the next trigger may.
    redis.call('ZREM', quiet, member)
  end
  replies[at] = was_pending and 1 or 0
end
return replies
