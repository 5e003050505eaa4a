-- A worker says goodbye, or is found dead. KEYS: its record, list of instances, what it holds, who reconciles.
-- ARGV: instance. It stays on the list for as long as it holds something.
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
if redis.call('GET', KEYS[4]) == ARGV[1] then redis.call('DEL', KEYS[4]) end
return 1
