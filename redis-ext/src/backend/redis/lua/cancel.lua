-- Marks tasks as cancelled, wherever they are, and forgets marks that have expired.
--
-- A mark must outlive what it stands for, and a scheduled task may be due long after the retention: the retention
-- counts from the last due time there is.
--
-- KEYS  1 cancelled, 2 scheduled
-- ARGV  1 how long a mark is kept in ms, 2 the farthest due time that counts, in ms from now, 3 the most expired marks
--       to forget (at most 512), 4… the IDs (at most 512)
-- Reply 1
-- Cost  seven commands, whatever is cancelled

local cancelled, scheduled = KEYS[1], KEYS[2]
local now = now_millis()
local last_due = redis.call('ZREVRANGE', scheduled, 0, 0, 'WITHSCORES')[2]
local from = math.min(math.max(now, tonumber(last_due or 0)), now + ARGV[2])
local expired = redis.call('ZRANGEBYSCORE', cancelled, '-inf', now, 'LIMIT', 0, ARGV[3])

local scored = {}
for at = 4, #ARGV do
  scored[2 * at - 7], scored[2 * at - 6] = from + ARGV[1], ARGV[at]
end
if #expired > 0 then
  redis.call('ZREM', cancelled, unpack(expired))
end
redis.call('ZADD', cancelled, 'GT', unpack(scored))
redis.call('PEXPIREAT', cancelled, redis.call('ZREVRANGE', cancelled, 0, 0, 'WITHSCORES')[2])
return 1
