-- Fragment: the server's clock. No client's clock decides what is due or whose lease has expired.

local function now_micros()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function now_millis()
  return math.floor(now_micros() / 1000)
end

