-- Fragment: IDs as decimal texts. They go up to 2^63 - 1, and Lua's numbers are exact up to 2^53 only.

local LARGEST_ID = '9223372036854775807'

local function at_most(a, b)
  return #a < #b or (#a == #b and a <= b)
end

local function is_id(text)
  return (text == '0' or text:find('^[1-9]%d*$')) and at_most(text, LARGEST_ID)
end

-- An ID as two numbers: what stands before its last fifteen digits, and these.
local function halves(id)
  return tonumber(id:sub(1, -16)) or 0, tonumber(id:sub(-15))
end

-- The ID of two halves, of which the second one may have been counted down below zero.
local function joined(high, low)
  if low < 0 then
    high, low = high - 1, low + 1e15
  end
  return high > 0 and string.format('%d%015d', high, low) or string.format('%d', low)
end

local function corrupt(key)
  return redis.error_reply('CORRUPT the key ' .. key .. ' holds no ID')
end
