-- Makes members pending, or does with those that are pending what the rules say.
--
-- KEYS  1 pending, 2 parked, 3 payloads, 4 bursts (member → '<first trigger in ms>:<how many>'),
--       5 quiet (member → until when in ms triggers are dropped), 6 active (member → '<claim>:<payloads>')
-- ARGV  1 'keep', 'reset', 'replace' or 'throttle', 2 longest wait in ms ('' = none), 3 greatest number of triggers
--       ('' = none), 4 how long to be quiet in ms, 5 rule of the payloads ('f', 'l', 'a'), 6 the most payloads,
--       7 the most bytes of payloads, 8 channel, 9 the most quiet members to forget;
--       then for each trigger (at most 512): member, its id, '=' and the payload or '' for none, 'in' or 'at', ms
-- Reply for each trigger: what it did (1 new, 2 joined, 3 moved, 4 throttled, 5 full), and the due time in ms, or until
--       when triggers are dropped
-- Cost  eight commands, one for each trigger of the default policy, and up to six for each other one

local pending, parked, payloads, bursts, quiet, active = unpack(KEYS)
local how, rule, channel = ARGV[1], ARGV[5], ARGV[8]
local max_wait, max_count = tonumber(ARGV[2]), tonumber(ARGV[3])
local most, most_bytes = tonumber(ARGV[6]), tonumber(ARGV[7])
local NEW, JOINED, MOVED, THROTTLED, FULL = 1, 2, 3, 4, 5

local first_due = earliest(pending)
local any_parked = redis.call('ZCARD', parked) > 0
local any_payloads = redis.call('HLEN', payloads) > 0
redis.call('HLEN', bursts)
redis.call('ZCARD', quiet)
local any_active = redis.call('HLEN', active) > 0
local now = now_micros()
local now_ms = math.floor(now / 1000)

-- The payloads of a pending firing with one more, and whether that fills them; nothing when they are full.
local function with_payload(member, known, id, payload)
  if not payload then
    return known
  end
  if not known or rule == 'l' then
    return rule .. '1;' .. payload_item(id, payload), rule == 'a' and most <= 1
  elseif rule == 'f' or string.find(known, id .. #payload .. ':' .. payload, 1, true) then
    return known
  end
  local count = count_of(known) + 1
  local held = any_active and redis.call('HGET', active, member)
  local held_count = held and tonumber(string.match(held, ':(%d+)$')) or 0
  if count > most or count + held_count > 2 * most or #known + #payload > most_bytes then
    return nil
  end
  return 'a' .. count .. ';' .. items_of(known) .. payload_item(id, payload), count == most
end

local sooner, begins_quiet = false, false

-- What one trigger did, and the due time in ms, or until when triggers are dropped.
local function trigger(at)
  local member, id = ARGV[at], ARGV[at + 1]
  local payload = ARGV[at + 2] ~= '' and string.sub(ARGV[at + 2], 2)
  local due = ARGV[at + 4] * 1000
  if ARGV[at + 3] == 'in' then
    due = due + now
  end
  if how == 'keep' and not payload and not any_parked and not any_payloads then
    -- The usual case, in one command.
    local new_score = score_at(due)
    if redis.call('ZADD', pending, 'NX', new_score, member) == 1 then
      sooner = sooner or tonumber(new_score) < first_due
      return NEW, due_millis(new_score)
    end
  end
  local score = redis.call('ZSCORE', pending, member)
  local is_parked = false
  if not score and any_parked then
    score = redis.call('ZSCORE', parked, member)
    is_parked = score and true
  end

  if how == 'throttle' and not score then
    local quiet_until = redis.call('ZSCORE', quiet, member)
    if quiet_until and tonumber(quiet_until) > now_ms then
      return THROTTLED, quiet_until
    end
    due = now
    redis.call('ZADD', quiet, now_ms + ARGV[4], member)
    begins_quiet = true
  end

  local did = NEW
  local known = score and any_payloads and how ~= 'replace' and redis.call('HGET', payloads, member)
  local with, fills = with_payload(member, known, id, payload)
  if payload and not with then
    did, due = FULL, math.min(now, tonumber(score) * 1e6)
  else
    if score and (how == 'reset' or how == 'replace') then
      did = MOVED
    elseif score then
      did, due = JOINED, tonumber(score) * 1e6
    end
    if how == 'reset' and (max_wait or max_count) then
      local burst = score and redis.call('HGET', bursts, member)
      local began, count = string.match(burst or '', '^(%d+):(%d+)$')
      began, count = tonumber(began or now_ms), tonumber(count or (score and 1 or 0)) + 1
      redis.call('HSET', bursts, member, string.format('%.0f:%.0f', began, count))
      if max_wait then
        due = math.min(due, (began + max_wait) * 1000)
      end
      if max_count and count >= max_count then
        due = math.min(due, now)
      end
    elseif how == 'replace' then
      -- A burst of its own, should the next trigger look for one.
      redis.call('HSET', bursts, member, string.format('%.0f:1', now_ms))
    end
    if fills then
      due = math.min(due, now)
    end
    if with and with ~= known then
      redis.call('HSET', payloads, member, with)
      any_payloads = true
    elseif not with and any_payloads then
      -- Replaced, or left behind by a program that took the member and knows nothing of payloads.
      redis.call('HDEL', payloads, member)
    end
  end
  if did == JOINED and not fills then
    return did, due_millis(score)
  end
  local new_score = score_at(due)
  if not score or tonumber(new_score) ~= tonumber(score) then
    if is_parked then
      redis.call('ZREM', parked, member)
    end
    redis.call('ZADD', pending, new_score, member)
    sooner = sooner or tonumber(new_score) < first_due
  end
  return did, due_millis(new_score)
end

local replies = {}
for at = 10, #ARGV, 5 do
  replies[#replies + 1], replies[#replies + 2] = trigger(at)
end

if how == 'throttle' then
  local over = redis.call('ZRANGEBYSCORE', quiet, '-inf', now_ms, 'LIMIT', 0, ARGV[9])
  if #over > 0 then
    redis.call('ZREM', quiet, unpack(over))
  end
  if begins_quiet then
    -- With the last quiet time the key goes, too.
    redis.call('PEXPIRE', quiet, ARGV[4])
  end
end
if sooner then
  wake(channel)
end
return replies
