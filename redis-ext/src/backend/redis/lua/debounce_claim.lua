-- Claims pending firings that are due. One whose member is active is parked until that run is over.
--
-- KEYS  1 pending, 2 parked, 3 payloads, 4 bursts, 5 active, 6 claims (id → expiry of the lease in ms),
--       7 the claim (member → '<score>|<payloads>')
-- ARGV  1 claim id, 2 the most to claim (at most 512), 3 lease in ms, 4 'due' or 'all'
-- Reply {now in ms, µs until the next pending one is due (0 = it is, -1 = there is none), how many leases have expired,
--       {member, due in ms, payloads ('' = none), …}}
-- Cost  sixteen to twenty commands, and one for each member that is parked

local pending, parked, payloads, bursts, active, claims, claim = unpack(KEYS)
redis.call('ZCARD', pending)
redis.call('ZCARD', parked)
local any_payloads = redis.call('HLEN', payloads) > 0
local any_bursts = redis.call('HLEN', bursts) > 0
local any_active = redis.call('HLEN', active) > 0
local now = now_micros()
local now_ms = math.floor(now / 1000)
local expired = redis.call('ZCOUNT', claims, '-inf', now_ms)

local claimed = {}
local repeated = redis.call('HGETALL', claim)
if #repeated > 0 then
  -- The reply to the first call was lost: the same again.
  for at = 1, #repeated, 2 do
    local score, kept = split_record(repeated[at + 1])
    claimed[#claimed + 1] = {repeated[at], score, kept or ''}
  end
  table.sort(claimed, function(a, b)
    local earlier, later = tonumber(a[2]), tonumber(b[2])
    return earlier < later or (earlier == later and a[1] < b[1])
  end)
else
  local latest = ARGV[4] == 'due' and score_at(now) or '+inf'
  local due = redis.call('ZRANGEBYSCORE', pending, '-inf', latest, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  local members = {}
  for at = 1, #due, 2 do
    members[#members + 1] = due[at]
  end
  if #members > 0 then
    local running = any_active and redis.call('HMGET', active, unpack(members)) or {}
    local kept = any_payloads and redis.call('HMGET', payloads, unpack(members)) or {}
    allow_when_out_of_memory(claims)
    redis.call('ZREM', pending, unpack(members))
    local taken, records, marks = {}, {}, {}
    for at, member in ipairs(members) do
      local score = due[2 * at]
      if running[at] then
        redis.call('ZADD', parked, score, member)
      else
        local all = kept[at]
        taken[#taken + 1] = member
        claimed[#claimed + 1] = {member, score, all or ''}
        records[#records + 1], records[#records + 2] = member, score .. '|' .. (all or '')
        marks[#marks + 1], marks[#marks + 2] = member, ARGV[1] .. ':' .. (all and count_of(all) or 0)
      end
    end
    if #taken > 0 then
      redis.call('HSET', claim, unpack(records))
      redis.call('HSET', active, unpack(marks))
      redis.call('ZADD', claims, now_ms + ARGV[3], ARGV[1])
      if any_payloads then
        redis.call('HDEL', payloads, unpack(taken))
      end
      if any_bursts then
        redis.call('HDEL', bursts, unpack(taken))
      end
    end
  end
end

local answer = {}
for _, firing in ipairs(claimed) do
  answer[#answer + 1] = firing[1]
  answer[#answer + 1] = due_millis(firing[2])
  answer[#answer + 1] = firing[3]
end
local next_due = earliest(pending)
local wait = next_due == math.huge and redis.call('ZCARD', pending) == 0 and -1
  or math.max(0, math.min(FAR, math.ceil(next_due * 1e6 - now)))
return {now_ms, string.format('%.0f', wait), expired, answer}
