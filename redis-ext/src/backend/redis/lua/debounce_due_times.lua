-- Tells when members are due.
--
-- KEYS  1 pending, 2 parked
-- ARGV  the members (at most 512)
-- Reply for each member: its due time in ms, or '' if it is not pending
-- Cost  two commands

local scores = redis.call('ZMSCORE', KEYS[1], unpack(ARGV))
local parked = redis.call('ZMSCORE', KEYS[2], unpack(ARGV))
local replies = {}
for at = 1, #ARGV do
  local score = scores[at] or parked[at]
  replies[at] = score and due_millis(score) or ''
end
return replies
