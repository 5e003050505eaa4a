-- What a slot says between two kernels: these runs have ended, and may I run those tasks? All of it happens, or nothing.
-- KEYS: job, tasks, completions, instances, then for each run that has ended the key of its result.
-- ARGV: instance of the worker, run of what is to start ('PID:TOKEN', new each time), max_attempts,
--   how many runs have ended, of each index, run, state, seconds, reason, parts, result bytes ('' where the parts are
--   stored already), then the indexes of the tasks to start.
-- Returns {ended, verdicts}. Ended: for each run 1 if its task ended by it, 0 if the task had ended otherwise or another
-- run was started since. Verdicts: verdict and attempt of the first task to start, and of those behind it that may run
-- together with it: run | unknown | final | cancelled | held | exhausted.
local OF_EACH = 7
local instance, run, most, ended = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local head = redis.call('HMGET', KEYS[1], 'tasks', 'ttl', 'cancel')
local tasks, ttl, cancelled = tonumber(head[1] or 0), head[2], head[3]
local at = now()

local function is_there(index)
  local number = tonumber(index)
  return number >= 0 and number < tasks
end

-- All is read before anything is written: a record that cannot be read stops this before its first change.
local records = {}
local first_to_start = 4 + OF_EACH * ended + 1
for number = 1, ended do
  local index = ARGV[4 + OF_EACH * (number - 1) + 1]
  records[index] = load(KEYS[2], index)
end
for number = first_to_start, #ARGV do records[ARGV[number]] = load(KEYS[2], ARGV[number]) end

-- Ends a task that a run has run.
local function finish(result, index, its_run, state, seconds, reason, parts, bytes)
  if not is_there(index) then return false, false end
  local task = records[index]
  -- Attempts would not tell runs apart: a store that lost its last writes counts one of them twice.
  if task[RUN] ~= its_run then return false, false end
  -- The same run says it again when the first answer was lost on its way.
  if FINAL[task[STATE]] then return true, false end
  task[SECONDS], task[REASON], task[PARTS] = tonumber(seconds), reason, tonumber(parts)
  if bytes ~= '' then redis.call('SET', result, bytes, 'EX', ttl) end
  end_task(index, task, state, at, its_run)
  return true, true
end

-- Asks to run a task. Nothing if it has to wait until those that were started before it have ended.
local function start(index, others)
  if not is_there(index) then return 'unknown', 0 end
  local task = records[index]
  if task[STATE] == 'cancelled' then return 'cancelled', task[ATTEMPT] end
  if FINAL[task[STATE]] then return 'final', task[ATTEMPT] end
  if cancelled then
    task[REASON] = ''
    finalise(index, task, 'cancelled')
    return 'cancelled', task[ATTEMPT]
  end
  if task[STATE] == 'running' then
    -- The same run asks again when the first answer was lost on its way.
    if task[INSTANCE] == instance and task[RUN] == run then return 'run', task[ATTEMPT] end
    -- Somebody runs it, and only who finds that one dead may take it away (release.lua).
    return 'held', task[ATTEMPT]
  end
  if charged(task) >= most then
    exhausted(task)
    finalise(index, task, 'failed')
    return 'exhausted', task[ATTEMPT]
  end
  -- What was lost before may be lost again, and that is to be its own loss.
  if others > 0 and task[ATTEMPT] > 0 then return nil end
  task[STATE], task[STARTED], task[INSTANCE], task[RUN] = 'running', at, instance, run
  task[ATTEMPT] = task[ATTEMPT] + 1
  save(KEYS[2], index, task)
  redis.call('SADD', held(instance), task_id(index))
  redis.call('HINCRBY', KEYS[1], 'running', 1)
  return 'run', task[ATTEMPT]
end

local found, verdicts, numbers, any = {}, {}, {}, false
for number = 1, ended do
  local from = 4 + OF_EACH * (number - 1)
  local own = {unpack(ARGV, from + 1, from + OF_EACH)}
  local taken, first = finish(KEYS[4 + number], unpack(own))
  found[number] = taken and 1 or 0
  if first then numbers[own[3]], any = (numbers[own[3]] or 0) + 1, true end
end
if any then count_ended(numbers, at) end

local others = 0
for number = first_to_start, #ARGV do
  local verdict, attempt = start(ARGV[number], others)
  if not verdict then break end
  verdicts[#verdicts + 1] = verdict
  verdicts[#verdicts + 1] = attempt
  if verdict == 'run' then
    others = others + 1
    if attempt > 1 then break end
  end
end
if others > 0 then
  -- Nobody looks for what an instance holds unless it is listed; its heartbeat lists it too.
  redis.call('ZADD', KEYS[4], 'NX', at, instance)
  redis.call('HSETNX', KEYS[1], 'started', exact(at))
  -- A job that waited long is not forgotten while it runs.
  for k = 1, 2 do redis.call('EXPIRE', KEYS[k], ttl) end
end
return {found, verdicts}
