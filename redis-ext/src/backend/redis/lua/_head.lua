-- Fragment: puts entries back to the head of the ready list, so that they stand there in their own order.

local function to_head(ready, entries)
  for at = #entries, 1, -1 do
    redis.call('LPUSH', ready, entries[at])
  end
end

