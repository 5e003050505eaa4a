-- Writes the record of a new job; its tasks are queued. KEYS: job, tasks, completions, list of jobs, open jobs.
-- ARGV: id, record, number of tasks, ttl, metadata ('' for none), queue.
-- Returns the time of the submit, or nothing if a job of this id is there.
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local created = string.format('%.6f', now())
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'created', created, 'ttl', ARGV[4], 'tasks', ARGV[3], 'left', ARGV[3],
  'queue', ARGV[6])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'metadata', ARGV[5]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[4], created, ARGV[1])
redis.call('SADD', KEYS[5], ARGV[1])
return created
