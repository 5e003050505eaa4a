-- Asks to run a task. KEYS: job, tasks, completions. ARGV: index, worker, max_attempts.
-- Returns {verdict, attempt}: run | unknown | final | cancelled | exhausted.
local index = ARGV[1]
if not known(index) then return {'unknown', 0} end
local task = load(KEYS[2], index)
if FINAL[task[STATE]] then return {'final', task[ATTEMPT]} end
if redis.call('HEXISTS', KEYS[1], 'cancel') == 1 then
  finalise(index, task, 'cancelled')
  return {'cancelled', task[ATTEMPT]}
end
if task[ATTEMPT] >= tonumber(ARGV[3]) then
  local last = task[REASON]
  if last == '' then last = 'the worker process that ran it was lost each time' end
  task[REASON] = 'it was started ' .. task[ATTEMPT] .. ' times and never ended: ' .. last
  finalise(index, task, 'failed')
  return {'exhausted', task[ATTEMPT]}
end
if task[STATE] ~= 'running' then redis.call('HINCRBY', KEYS[1], 'running', 1) end
task[STATE] = 'running'
task[ATTEMPT] = task[ATTEMPT] + 1
task[STARTED] = now()
task[WORKER] = ARGV[2]
save(KEYS[2], index, task)
redis.call('HSETNX', KEYS[1], 'started', tostring(task[STARTED]))
-- A job that waited long is not forgotten while it runs.
for k = 1, 2 do redis.call('EXPIRE', KEYS[k], redis.call('HGET', KEYS[1], 'ttl')) end
return {'run', task[ATTEMPT]}
