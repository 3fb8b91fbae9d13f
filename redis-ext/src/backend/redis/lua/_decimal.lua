-- Fragment: IDs as decimal texts. They go up to 2^63 - 1, and Lua's numbers are exact up to 2^53 only.

local LARGEST_ID = '9223372036854775807'

local function at_most(a, b)
  return #a < #b or (#a == #b and a <= b)
end

local function is_id(text)
  return (text == '0' or text:find('^[1-9]%d*$')) and at_most(text, LARGEST_ID)
end

-- An ID less a small number, which is no greater: the last fifteen digits and those before them are counted apart.
local function minus(id, less)
  local high, low = tonumber(id:sub(1, -16)) or 0, tonumber(id:sub(-15)) - less
  if low < 0 then
    high, low = high - 1, low + 1e15
  end
  return high > 0 and string.format('%.0f%015.0f', high, low) or string.format('%.0f', low)
end

local function corrupt(key)
  return redis.error_reply('CORRUPT the key ' .. key .. ' holds no ID')
end
