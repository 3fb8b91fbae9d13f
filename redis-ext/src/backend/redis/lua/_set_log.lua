-- Fragment: the end of every change of a set: a version more, and an entry in the log. Needs _set.
--
-- An entry is a line of `<version> <change> <the change before, or -> <members before> <members after> <removed>
-- <added>`, where the last two are the lengths of the members, joined by commas (- = none), or `*<how many>` when they
-- are not kept; then a line feed, and the members' bytes.

local function lengths_of(members)
  if #members == 0 then
    return '-'
  end
  local lengths = {}
  for at = 1, #members do
    lengths[at] = #members[at]
  end
  return table.concat(lengths, ',')
end

-- `removed` and `added` are lists of members, or their numbers. Answers the entry.
local function log_change(set, change, len, removed, added, most_entries, most_bytes)
  local body = ''
  if type(removed) == 'table' then
    body = table.concat(removed) .. table.concat(added)
    removed, added = lengths_of(removed), lengths_of(added)
  else
    removed, added = '*' .. text_of(removed), '*' .. text_of(added)
  end
  redis.call('INCR', KEYS[2])
  local version = text_of(set.version + 1)
  local head = {version, change, set.change, text_of(set.len), text_of(len), removed, added}
  local entry = table.concat(head, ' ') .. '\n' .. body

  local first, last, bytes, gone = set.first, set.last + 1, set.bytes + #entry, {}
  -- One entry is forgotten for one that comes, or as many as a long one takes the place of.
  while first < last and (last - first >= most_entries or bytes > most_bytes) do
    local oldest = redis.call('HGET', KEYS[3], first)
    if oldest then
      bytes = bytes - #oldest
      gone[#gone + 1] = 'id:' .. string.match(oldest, '^%d+ (%S+)')
      gone[#gone + 1] = first
    end
    first = first + 1
    if #gone == 512 then
      redis.call('HDEL', KEYS[3], unpack(gone))
      gone = {}
    end
  end
  if #gone > 0 then
    redis.call('HDEL', KEYS[3], unpack(gone))
  end
  redis.call('HSET', KEYS[3], last, entry, 'id:' .. change, last, 'version', version, 'change', change,
    'first', first, 'last', last, 'bytes', bytes)
  return entry
end

-- What is answered instead of making the change; nothing if it is to be made.
local function answer_without_change(set, expected)
  if set.made_before then
    return {1, set.made_before}
  end
  if expected ~= '' and expected ~= text_of(set.version) then
    return {-1, set.version}
  end
end

local function unchanged(set)
  return {0, set.version, set.change, set.len}
end
