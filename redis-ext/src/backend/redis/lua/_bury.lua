-- Fragment: keeps a dead letter. The index orders letters by the microsecond of their death (`micros`; several of
-- one call are told apart by their place in it); the bytes of all records are counted for the retention's bound.

local function check_graveyard(dead, index, stats)
  redis.call('HLEN', dead)
  redis.call('ZCARD', index)
  redis.call('HLEN', stats)
end

local function bury(dead, index, stats, id, record, micros)
  local replaced = redis.call('HSTRLEN', dead, id)
  redis.call('HSET', dead, id, record)
  redis.call('ZADD', index, micros, id)
  redis.call('HINCRBY', stats, 'dead_bytes', #record - replaced)
end

