-- Fragment: the payloads of a firing as one text, and what becomes of them when firings of a member become one.
--
-- The text is `<rule><how many>;` and then, for each payload, `<trigger id, 36 bytes><its length>:<its bytes>`. The
-- rule is 'f' (the first stands), 'l' (the last one takes its place) or 'a' (all are kept).

local function payload_item(id, payload)
  return id .. #payload .. ':' .. payload
end

local function count_of(payloads)
  return tonumber(string.match(payloads, '^%a(%d+);'))
end

local function items_of(payloads)
  return string.sub(payloads, string.find(payloads, ';', 1, true) + 1)
end

-- `older` and `newer` may each be false: without payloads.
local function merged_payloads(older, newer)
  if not older or not newer then
    return older or newer
  end
  local rule = string.sub(newer, 1, 1)
  if rule == 'f' then
    return older
  elseif rule == 'l' then
    return newer
  end
  return rule .. (count_of(older) + count_of(newer)) .. ';' .. items_of(older) .. items_of(newer)
end

