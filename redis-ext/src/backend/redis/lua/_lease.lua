-- Fragment: the fence. A worker's score in the zset of workers is its lease's expiry in milliseconds; the score 0
-- means that recovery has begun and the lease is lost for good. A lease that expired without that is still good.

local function lease_of(workers, worker)
  local expiry = redis.call('ZSCORE', workers, worker)
  return expiry and expiry ~= '0' and tonumber(expiry)
end

local function lease_lost()
  return redis.error_reply('LEASELOST the incarnation has not joined or was recovered')
end

