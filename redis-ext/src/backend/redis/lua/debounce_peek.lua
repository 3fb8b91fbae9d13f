-- Lists the next pending firings.
--
-- KEYS  1 pending, 2 payloads
-- ARGV  1 the most to list (at most 512)
-- Reply {member, due in ms, payloads ('' = none), …}
-- Cost  two commands

local first = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
local members = {}
for at = 1, #first, 2 do
  members[#members + 1] = first[at]
end
local payloads = #members > 0 and redis.call('HMGET', KEYS[2], unpack(members)) or {}
local answer = {}
for at, member in ipairs(members) do
  answer[#answer + 1] = member
  answer[#answer + 1] = due_millis(first[2 * at])
  answer[#answer + 1] = payloads[at] or ''
end
return answer
