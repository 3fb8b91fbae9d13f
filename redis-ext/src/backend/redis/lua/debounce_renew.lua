-- Extends the leases of claims that are still there.
--
-- KEYS  1 claims
-- ARGV  1 lease in ms, 2… ids (at most 512)
-- Reply for each claim: 1 if it is there, else 0
-- Cost  two commands, and two for each claim

local expiry = now_millis() + ARGV[1]
redis.call('ZCARD', KEYS[1])
allow_when_out_of_memory(KEYS[1])
local replies = {}
for at = 2, #ARGV do
  local is_there = redis.call('ZSCORE', KEYS[1], ARGV[at]) and 1 or 0
  if is_there == 1 then
    redis.call('ZADD', KEYS[1], 'XX', expiry, ARGV[at])
  end
  replies[at - 1] = is_there
end
return replies
