-- Moves scheduled tasks that are due to the tail of the queue, the earliest first.
--
-- KEYS  1 ready, 2 scheduled
-- ARGV  1 the most to move (at most 512), 2 the bytes of the `<id>:` before each entry
-- Reply {how many were moved, ms until the next is due (0 = one is due now, -1 = there is none)}
-- Cost  six commands, whatever is moved

local ready, scheduled = KEYS[1], KEYS[2]
redis.call('LLEN', ready)
local now = now_millis()
local due = redis.call('ZRANGEBYSCORE', scheduled, '-inf', now, 'LIMIT', 0, ARGV[1])
if #due > 0 then
  redis.call('ZREM', scheduled, unpack(due))
  for at = 1, #due do
    due[at] = string.sub(due[at], ARGV[2] + 1)
  end
  redis.call('RPUSH', ready, unpack(due))
end
local next = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')[2]
return {#due, next and math.max(0, next - now) or -1}
