-- A step of parting with an incarnation, on its own wish or after its death: what landed and was never handed out
-- goes back to the head of the queue, and once nothing else is left either, the incarnation is forgotten.
--
-- KEYS  1 ready, 2 workers, 3 registry, 4 landing, 5 the latest batch
-- ARGV  1 worker, 2 the most to move (at most 512)
-- Reply {how many went back, whether the incarnation is forgotten (0/1), {number of an open batch, …}}
-- Cost  six commands, and one for each entry that goes back

local ready, workers, registry, landing = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('LLEN', ready)
local open = redis.call('HKEYS', registry)
local landed = redis.call('LPOP', landing, ARGV[2]) or {}
to_head(ready, landed)
local forgotten = 0
if #open == 0 and redis.call('EXISTS', landing) == 0 then
  redis.call('ZREM', workers, ARGV[1])
  redis.call('DEL', KEYS[5])
  forgotten = 1
end
return {#landed, forgotten, open}
