-- Takes a task away from an instance that no longer runs it. KEYS: job, tasks, completions.
-- ARGV: index, instance, pid of its slot ('' for whichever), whether the attempt counts (1 | 0), reason, max_attempts.
-- Returns {answer, attempts that count}: queued (it may be started again) | failed (its attempts are used up) |
-- held (another one runs it) | final | unknown.
local index, instance, pid = ARGV[1], ARGV[2], ARGV[3]
if not known(index) then
  redis.call('SREM', held(instance), task_id(index))
  return {'unknown', 0}
end
local task = load(KEYS[2], index)
local mine = task[STATE] == 'running' and task[INSTANCE] == instance
if not mine then redis.call('SREM', held(instance), task_id(index)) end
if FINAL[task[STATE]] then return {'final', charged(task)} end
if task[STATE] == 'queued' then return {'queued', charged(task)} end
if not mine or (pid ~= '' and string.match(task[RUN], '^[^:]*') ~= pid) then return {'held', charged(task)} end
if ARGV[4] == '0' then task[SPARED] = task[SPARED] + 1 end
task[REASON] = ARGV[5]
-- What became of this run, for who reads what happened to the job; the newest thousand are enough for that.
local lost = KEYS[1] .. ':losses'
local row = {tonumber(index), task[ATTEMPT], task[STARTED], now(), instance, ARGV[5], ARGV[4] == '1'}
redis.call('RPUSH', lost, cmsgpack.pack(row))
redis.call('LTRIM', lost, -1000, -1)
redis.call('EXPIRE', lost, redis.call('HGET', KEYS[1], 'ttl'))
if charged(task) >= tonumber(ARGV[6]) then
  exhausted(task)
  finalise(index, task, 'failed')
  return {'failed', charged(task)}
end
let_go(index, task)
task[STATE] = 'queued'  -- its run stays noted: should it end all the same, before another starts, its result counts
save(KEYS[2], index, task)
return {'queued', charged(task)}
