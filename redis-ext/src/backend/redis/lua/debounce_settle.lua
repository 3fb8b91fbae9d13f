-- Applies what became of claimed firings. One that the claim does not hold was settled by an earlier copy of this call,
-- or others have taken the claim over: it is left alone.
--
-- KEYS  1 pending, 2 parked, 3 payloads, 4 active, 5 claims, 6 the claim, 7 quarantine (member → since when in µs),
--       8 quarantine's records (member → '<reason>\n<score>|<payloads>'), 9… queues and unique locks
-- ARGV  1 claim id, 2 channel, 3 the most to keep in quarantine, 4 how many queues; then for each firing (at most 512):
--       member, kind, and six values:
--         'done'; 'return': due so many ms from now ('' = as it was);
--         'enqueue': the queue's place in KEYS, entry, the lock's place in KEYS (0 = none), task id, the lock's ttl in
--         ms, after how many ms one that is held back is due again;
--         'quarantine': reason
-- Reply for each firing: 0 gone, 1 settled, 2 held back
-- Cost  thirteen commands, and one for each firing with a lock, four for each one returned, two for each one quarantined

local pending, parked, payloads, active, claims, claim, quarantine, reasons = unpack(KEYS)
local FIRST, STRIDE = 5, 8
local first_due = earliest(pending)
local any_parked = redis.call('ZCARD', parked) > 0
redis.call('HLEN', payloads)
redis.call('HLEN', active)
redis.call('ZCARD', claims)
redis.call('ZCARD', quarantine)
redis.call('HLEN', reasons)
for at = 9, #KEYS do
  redis.call(at < 9 + ARGV[4] and 'LLEN' or 'STRLEN', KEYS[at])
end
if #ARGV < FIRST then
  return {}
end
local members = {}
for at = FIRST, #ARGV, STRIDE do
  members[#members + 1] = ARGV[at]
end
local records = redis.call('HMGET', claim, unpack(members))

local now = now_micros()
local replies, settled, entries, seen = {}, {}, {}, {}
local soonest, any_quarantined = math.huge, false
allow_when_out_of_memory(claims)
for place, member in ipairs(members) do
  local record = records[place]
  replies[place] = 0
  -- A member that stands twice in one call is settled once.
  if record and not seen[member] then
    seen[member] = true
    local at = FIRST + (place - 1) * STRIDE
    local kind, a, b, c, d, e, f = unpack(ARGV, at + 1, at + 7)
    local score, kept = split_record(record)
    replies[place] = 1
    settled[#settled + 1] = member
    if kind == 'enqueue' and c ~= '0' and not redis.call('SET', KEYS[tonumber(c)], d, 'NX', 'PX', e) then
      replies[place] = 2
      kind, a = 'return', f
    end
    if kind == 'return' then
      if a ~= '' then
        score = score_at(now + a * 1000)
      end
      soonest = math.min(soonest, put_back(pending, parked, payloads, member, score, kept))
    else
      if kind == 'enqueue' then
        entries[a] = entries[a] or {}
        table.insert(entries[a], b)
      elseif kind == 'quarantine' then
        any_quarantined = true
        redis.call('ZADD', quarantine, string.format('%.0f', now + place), member)
        redis.call('HSET', reasons, member, a .. '\n' .. record)
      end
      if any_parked then
        soonest = math.min(soonest, unpark(pending, parked, member))
      end
    end
  end
end
for queue, of_queue in pairs(entries) do
  redis.call('RPUSH', KEYS[tonumber(queue)], unpack(of_queue))
end
if #settled > 0 then
  redis.call('HDEL', claim, unpack(settled))
  redis.call('HDEL', active, unpack(settled))
  if redis.call('EXISTS', claim) == 0 then
    redis.call('ZREM', claims, ARGV[1])
  end
end
if any_quarantined then
  local over = redis.call('ZCARD', quarantine) - ARGV[3]
  if over > 0 then
    local oldest = redis.call('ZRANGE', quarantine, 0, over - 1)
    redis.call('ZREM', quarantine, unpack(oldest))
    redis.call('HDEL', reasons, unpack(oldest))
  end
end
if soonest < first_due then
  wake(ARGV[2])
end
return replies
