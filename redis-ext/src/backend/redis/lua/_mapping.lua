-- Fragment: the place of one key's ID.

local function map(mapping, id, ttl)
  if ttl == '0' then
    redis.call('SET', mapping, id)
  else
    redis.call('SET', mapping, id, 'EX', ttl)
  end
end
