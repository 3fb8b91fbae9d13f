-- Fragment: what lets a queue drain when the server is out of memory.
--
-- Redis refuses a script's first write with OOM if that write can need memory, and allows all that follow a write.
-- Renewing a lease, marking a task as done or moving an entry must work then, or nothing would ever free memory.
-- PERSIST is a write that needs none; the keys it is used on never expire.

local function allow_when_out_of_memory(key)
  redis.call('PERSIST', key)
end

