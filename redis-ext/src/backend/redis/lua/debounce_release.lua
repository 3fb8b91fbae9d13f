-- Makes quarantined firings pending again, due now.
--
-- KEYS  1 pending, 2 parked, 3 payloads, 4 quarantine, 5 its records
-- ARGV  1 channel, 2… the members (at most 512)
-- Reply how many were quarantined
-- Cost  five commands, and seven for each firing

local pending, parked, payloads, quarantine, reasons = unpack(KEYS)
local first_due = earliest(pending)
redis.call('ZCARD', parked)
redis.call('HLEN', payloads)
redis.call('ZCARD', quarantine)
local score = score_at(now_micros())
local released, soonest = 0, math.huge
for at = 2, #ARGV do
  local record = redis.call('HGET', reasons, ARGV[at])
  if record then
    redis.call('ZREM', quarantine, ARGV[at])
    redis.call('HDEL', reasons, ARGV[at])
    local _, kept = split_record(string.sub(record, string.find(record, '\n', 1, true) + 1))
    soonest = math.min(soonest, put_back(pending, parked, payloads, ARGV[at], score, kept))
    released = released + 1
  end
end
if soonest < first_due then
  wake(ARGV[1])
end
return released
