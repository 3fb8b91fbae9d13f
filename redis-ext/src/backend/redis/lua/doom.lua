-- Begins the recovery of expired incarnations: from here on their leases are lost, as a whole and for good, so that
-- nothing of theirs changes under the hands of those who recover it.
--
-- Where nobody has watched for longer than `patience`, the server stood still or was away, its clock jumped, or there
-- was no worker. The renewals of the living are only now on their way then, so nobody is judged before they had
-- `patience` to arrive.
--
-- KEYS  1 workers, 2 stats (HASH: watched_at, judged_from in ms)
-- ARGV  1 the most to answer, 2 patience in ms
-- Reply the incarnations that are to be recovered; those of a recovery that was broken off come first
-- Cost  six commands, and one for each incarnation found

local workers, stats = KEYS[1], KEYS[2]
local patience = tonumber(ARGV[2])
redis.call('ZCARD', workers)
local watch = redis.call('HMGET', stats, 'watched_at', 'judged_from')
local watched_at, judged_from = tonumber(watch[1]), tonumber(watch[2]) or 0
local now = now_millis()
if not watched_at or now < watched_at or now - watched_at > patience then
  judged_from = now + patience
end
allow_when_out_of_memory(stats)
redis.call('HSET', stats, 'watched_at', string.format('%.0f', now), 'judged_from', string.format('%.0f', judged_from))

-- A recovery that has begun goes on in any case.
local expired_before = now >= judged_from and string.format('(%.0f', now) or '0'
local expired = redis.call('ZRANGEBYSCORE', workers, '-inf', expired_before, 'LIMIT', 0, ARGV[1])
for at = 1, #expired do
  allow_when_out_of_memory(workers)
  redis.call('ZADD', workers, 0, expired[at])
end
return expired
