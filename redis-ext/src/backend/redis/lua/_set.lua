-- Fragment: where a set stands, for all scripts of a set.
--
-- KEYS used: 1 value (SET), 2 version (STRING), 3 log (HASH)
-- The log: `<number>` → an entry, `id:<change>` → the number of its entry; `first` and `last`, the numbers of the
-- oldest and the latest entry; `bytes`, of all entries; `version` and `change` of the latest one.

-- Lua's tostring turns great numbers into scientific notation.
local function text_of(number)
  return string.format('%.0f', number)
end

-- Reads everything that there is to know, which fails on keys of a wrong type before anything is written. A version
-- that is no number, or too great for Lua to count exactly, gives an error reply in second place.
local function read_set(change)
  local version = redis.call('GET', KEYS[2]) or '0'
  if #version > 15 or not (version == '0' or string.match(version, '^[1-9]%d*$')) then
    return nil, redis.error_reply('CORRUPT the version at ' .. KEYS[2] .. ' is not a whole number from 0 to 10^15 - 1: '
      .. 'correct it, or delete the key to start again with 0')
  end
  local log = redis.call('HMGET', KEYS[3], 'version', 'change', 'first', 'last', 'bytes', 'id:' .. change)
  return {
    version = tonumber(version),
    -- What the log tells of another version is of no use: someone who keeps no log has written since.
    change = log[1] == version and log[2] or '-',
    len = redis.call('SCARD', KEYS[1]),
    first = tonumber(log[3] or 1),
    last = tonumber(log[4] or 0),
    bytes = tonumber(log[5] or 0),
    logged = log[1],
    made_before = log[6] and redis.call('HGET', KEYS[3], log[6]),
  }
end
