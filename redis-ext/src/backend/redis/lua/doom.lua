-- Begins the recovery of expired incarnations: from here on their leases are lost, as a whole and for good, so that
-- nothing of theirs changes under the hands of those who recover it.
--
-- The watch expires when nobody has watched for `patience`: the server stood still or was away, its clock jumped, or
-- there was no worker. The renewals of the living are only now on their way then, so nobody is judged before they had
-- `patience` to arrive.
--
-- KEYS  1 workers, 2 watch (STRING: the time in ms from which on is judged)
-- ARGV  1 the most to answer, 2 patience in ms (0 = judge at once)
-- Reply the incarnations that are to be recovered; those of a recovery that was broken off come first
-- Cost  six commands, and one for each incarnation found

local workers, watch = KEYS[1], KEYS[2]
local patience = tonumber(ARGV[2])
redis.call('ZCARD', workers)
local now = now_millis()
local judged_from = now
if patience > 0 then
  judged_from = math.min(tonumber(redis.call('GET', watch) or '') or math.huge, now + patience)
  allow_when_out_of_memory(watch)
  redis.call('SET', watch, string.format('%.0f', judged_from), 'PX', patience)
end

-- A recovery that has begun goes on in any case.
local expired_before = now >= judged_from and string.format('(%.0f', now) or '0'
local expired = redis.call('ZRANGEBYSCORE', workers, '-inf', expired_before, 'LIMIT', 0, ARGV[1])
for at = 1, #expired do
  allow_when_out_of_memory(workers)
  redis.call('ZADD', workers, 0, expired[at])
end
return expired
