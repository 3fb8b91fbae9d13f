-- Lists quarantined firings, the latest first.
--
-- KEYS  1 quarantine, 2 its records
-- ARGV  1 how many to pass over, 2 the most to list (at most 512)
-- Reply {member, since when in µs, due in ms, payloads ('' = none), reason, …}
-- Cost  two commands

local listed = redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1, 'WITHSCORES')
local members = {}
for at = 1, #listed, 2 do
  members[#members + 1] = listed[at]
end
local records = #members > 0 and redis.call('HMGET', KEYS[2], unpack(members)) or {}
local answer = {}
for at, member in ipairs(members) do
  local record = records[at]
  if record then
    local line = string.find(record, '\n', 1, true)
    local score, payloads = split_record(string.sub(record, line + 1))
    for _, field in ipairs({member, listed[2 * at], due_millis(score), payloads or '', string.sub(record, 1, line - 1)}) do
      answer[#answer + 1] = field
    end
  end
end
return answer
