-- Asks to run a task. KEYS: job, tasks, completions, instances.
-- ARGV: index, instance of the worker, run ('PID:TOKEN', new for each), max_attempts.
-- Returns {verdict, attempt}: run | unknown | final | cancelled | held | exhausted.
local index, instance, run = ARGV[1], ARGV[2], ARGV[3]
if not known(index) then return {'unknown', 0} end
local task = load(KEYS[2], index)
if task[STATE] == 'cancelled' then return {'cancelled', task[ATTEMPT]} end
if FINAL[task[STATE]] then return {'final', task[ATTEMPT]} end
if redis.call('HEXISTS', KEYS[1], 'cancel') == 1 then
  task[REASON] = ''
  finalise(index, task, 'cancelled')
  return {'cancelled', task[ATTEMPT]}
end
if task[STATE] == 'running' then
  -- The same run asks again when the first answer was lost on its way.
  if task[INSTANCE] == instance and task[RUN] == run then return {'run', task[ATTEMPT]} end
  -- Somebody runs it, and only who finds that one dead may take it away (release.lua).
  return {'held', task[ATTEMPT]}
end
if charged(task) >= tonumber(ARGV[4]) then
  exhausted(task)
  finalise(index, task, 'failed')
  return {'exhausted', task[ATTEMPT]}
end
task[STATE] = 'running'
task[ATTEMPT] = task[ATTEMPT] + 1
task[STARTED] = now()
task[INSTANCE] = instance
task[RUN] = run
save(KEYS[2], index, task)
redis.call('SADD', held(instance), task_id(index))
-- Nobody looks for what an instance holds unless it is listed; its heartbeat lists it too.
redis.call('ZADD', KEYS[4], 'NX', task[STARTED], instance)
redis.call('HINCRBY', KEYS[1], 'running', 1)
redis.call('HSETNX', KEYS[1], 'started', exact(task[STARTED]))
-- A job that waited long is not forgotten while it runs.
for k = 1, 2 do redis.call('EXPIRE', KEYS[k], redis.call('HGET', KEYS[1], 'ttl')) end
return {'run', task[ATTEMPT]}
