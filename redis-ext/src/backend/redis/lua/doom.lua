-- Begins the recovery of expired incarnations: from here on their leases are lost, as a whole and for good, so that
-- nothing of theirs changes under the hands of those who recover it.
--
-- KEYS  1 workers
-- ARGV  1 the most to answer
-- Reply the incarnations that are to be recovered; those of a recovery that was broken off come first
-- Cost  two commands, and one for each incarnation found

local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now_millis()), 'LIMIT', 0, ARGV[1])
for at = 1, #expired do
  allow_when_out_of_memory(KEYS[1])
  redis.call('ZADD', KEYS[1], 0, expired[at])
end
return expired
