-- Copies a set as it is at this moment.
--
-- KEYS  1 value, 2 version, 3 log, 4 the copy
-- ARGV  1 how long the copy is kept in ms
-- Reply {version, its change, number of members}. The error CORRUPT
-- Cost  five commands, of which one copies all members

local set, fault = read_set('')
if fault then
  return fault
end
redis.call('COPY', KEYS[1], KEYS[4], 'REPLACE')
redis.call('PEXPIRE', KEYS[4], ARGV[1])
return {set.version, set.change, set.len}
