-- Writes the record of a new job; its tasks are queued. KEYS: job, tasks, completions, list of jobs, open jobs.
-- ARGV: id, record, number of tasks, ttl, metadata ('' for none), queue, submit (new for each), most tasks in one message.
-- Returns the time of the submit, or nothing if a job of this id is there.
local created, submit = unpack(redis.call('HMGET', KEYS[1], 'created', 'submit'))
-- The same submit asks again when the first answer was lost on its way.
if created then return submit == ARGV[7] and created end
created = string.format('%.6f', now())
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'created', created, 'ttl', ARGV[4], 'tasks', ARGV[3], 'left', ARGV[3],
  'queue', ARGV[6], 'submit', ARGV[7], 'bundle', ARGV[8])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'metadata', ARGV[5]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[4], created, ARGV[1])
redis.call('SADD', KEYS[5], ARGV[1])
-- Each new job takes two that have expired off the list, which would grow for ever otherwise.
for _, id in ipairs(redis.call('ZRANGE', KEYS[4], 0, 1)) do
  if redis.call('EXISTS', 'aerq:job:' .. id) == 0 then redis.call('ZREM', KEYS[4], id) end
end
return created
