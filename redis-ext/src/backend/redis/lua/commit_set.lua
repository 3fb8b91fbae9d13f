-- Makes a change of many members, which were staged in sets of their own.
--
-- KEYS  1 value, 2 version, 3 log, 4 staged to be added, 5 staged to be removed
-- ARGV  1 change, 2 the version that the set must have ('' = any), 3 the most entries and 4 the most bytes of the log,
--       5 how many were staged to be added, 6 how many to be removed, 7 whether the first are the only members from now
--       on (0/1)
-- Reply as change_set.lua; also the error STAGELOST when what was staged is not there any more
-- Cost  proportional to what was staged, and for a replacement to the set; in steps of 512 members

local SLICE = 512
local value, to_add, to_remove = KEYS[1], KEYS[4], KEYS[5]
local set, fault = read_set(ARGV[1])
if fault then
  return fault
end
local staged_to_add, staged_to_remove = redis.call('SCARD', to_add), redis.call('SCARD', to_remove)
local answer = answer_without_change(set, ARGV[2])
if answer then
  redis.call('DEL', to_add, to_remove)
  return answer
end
if staged_to_add ~= tonumber(ARGV[5]) or staged_to_remove ~= tonumber(ARGV[6]) then
  redis.call('DEL', to_add, to_remove)
  return redis.error_reply('STAGELOST the staged members have expired: make the change again')
end
local replaces = ARGV[7] == '1'

-- What really comes and goes.
local removed, added
if replaces then
  removed = redis.call('SDIFFSTORE', to_remove, value, to_add)
  added = staged_to_add - (set.len - removed)
else
  redis.call('SDIFFSTORE', to_remove, to_remove, to_add)
  removed = redis.call('SINTERSTORE', to_remove, to_remove, value)
  added = redis.call('SDIFFSTORE', to_add, to_add, value)
end
if removed + added == 0 then
  redis.call('DEL', to_add, to_remove)
  return unchanged(set)
end

local len = set.len - removed + added
local function log(gone, come)
  redis.call('DEL', to_add, to_remove)
  return {1, log_change(set, ARGV[1], len, gone, come, tonumber(ARGV[3]), tonumber(ARGV[4]))}
end

if removed + added <= SLICE then
  if replaces then
    redis.call('SDIFFSTORE', to_add, to_add, value)
  end
  local gone, come = redis.call('SMEMBERS', to_remove), redis.call('SMEMBERS', to_add)
  if added > 0 then
    redis.call('SADD', value, unpack(come))
  end
  if removed > 0 then
    redis.call('SREM', value, unpack(gone))
  end
  return log(gone, come)
end
if replaces then
  local ttl = redis.call('PTTL', value)
  if staged_to_add == 0 then
    redis.call('DEL', value)
  else
    redis.call('RENAME', to_add, value)
    if ttl > 0 then
      redis.call('PEXPIRE', value, ttl)
    else
      redis.call('PERSIST', value)
    end
  end
  return log(removed, added)
end
local function move(from, command)
  local members = redis.call('SPOP', from, SLICE)
  while #members > 0 do
    redis.call(command, value, unpack(members))
    members = redis.call('SPOP', from, SLICE)
  end
end
move(to_add, 'SADD')
move(to_remove, 'SREM')
return log(removed, added)
