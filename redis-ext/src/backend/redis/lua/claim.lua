-- Claims a batch; see _claim.lua.
--
-- KEYS  1 ready, 2 workers, 3 registry, 4 landing, 5 paused, 6 the new batch, 7 cancelled,
--       8 the latest batch
-- ARGV  1 worker, 2 number of the new batch, 3 the most it may hold (at most 512)
-- Reply see _claim.lua; the error LEASELOST
-- Cost  eleven commands, whatever is claimed, and two more while tasks are marked as cancelled

local found = check_claim(ARGV[2])
local lease = lease_of(KEYS[2], ARGV[1])
if not lease then
  -- What a blocking move took for a worker that is gone would have no owner.
  if found.landed > 0 then
    to_head(KEYS[1], redis.call('LPOP', KEYS[4], found.landed))
  end
  return lease_lost()
end
return claim(lease, found, ARGV[2], tonumber(ARGV[3]))
