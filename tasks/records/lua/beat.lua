-- One heartbeat of a worker. KEYS: its record, list of instances, what it holds, who reconciles.
-- ARGV: instance, record, lifetime in milliseconds, whether it is able to reconcile (1 | 0). Returns {store's time, whether it reconciles (1 | 0), what it holds}.
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
local t = now()
redis.call('ZADD', KEYS[2], t, ARGV[1])
local leader = redis.call('GET', KEYS[4])
local leads = ARGV[4] == '1' and (not leader or leader == ARGV[1])
if leads then
  redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[3])
elseif leader == ARGV[1] then
  redis.call('DEL', KEYS[4])
end
return {string.format('%.6f', t), leads and 1 or 0, redis.call('SMEMBERS', KEYS[3])}
