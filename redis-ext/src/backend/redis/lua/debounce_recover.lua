-- Makes the firings of one expired claim pending again, due as they were.
--
-- KEYS  1 pending, 2 parked, 3 payloads, 4 active, 5 claims, 6 the claim
-- ARGV  1 claim id, 2 channel
-- Reply how many firings are pending again; none if the lease has been renewed, or the claim is gone
-- Cost  nine commands, and five for each firing

local pending, parked, payloads, active, claims, claim = unpack(KEYS)
local first_due = earliest(pending)
redis.call('ZCARD', parked)
redis.call('HLEN', payloads)
redis.call('HLEN', active)
local expiry = redis.call('ZSCORE', claims, ARGV[1])
if not expiry or tonumber(expiry) > now_millis() then
  return 0
end
local records = redis.call('HGETALL', claim)
local members, soonest = {}, math.huge
allow_when_out_of_memory(claims)
redis.call('ZREM', claims, ARGV[1])
redis.call('DEL', claim)
for at = 1, #records, 2 do
  local score, kept = split_record(records[at + 1])
  members[#members + 1] = records[at]
  soonest = math.min(soonest, put_back(pending, parked, payloads, records[at], score, kept))
end
if #members > 0 then
  redis.call('HDEL', active, unpack(members))
end
if soonest < first_due then
  wake(ARGV[2])
end
return #members
