-- Prepended to every script. A task is packed as
-- {state, attempt, started, finished, instance, seconds, reason, parts, run, spared}.
local STATE, ATTEMPT, STARTED, FINISHED, INSTANCE, SECONDS, REASON, PARTS, RUN, SPARED = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
local FINAL = {done = true, marked = true, failed = true, cancelled = true}

-- The store's own clock: hosts may disagree by minutes.
local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6
end

-- A number as text that reads back as the same number; tostring() drops what is less than a tenth of a millisecond.
local function exact(number) return string.format('%.17g', number) end

local function load(tasks, index)
  local raw = redis.call('HGET', tasks, index)
  if raw then return cmsgpack.unpack(raw) end
  return {'queued', 0, 0, 0, '', 0, '', 0, '', 0}
end

local function save(tasks, index, task)
  redis.call('HSET', tasks, index, cmsgpack.pack(task))
end

-- The set of what an instance of a worker holds, as task ids. KEYS[1] is the job.
local function held(instance) return 'aerq:held:' .. instance end
local function task_id(index) return string.sub(KEYS[1], 10) .. '.' .. index end

-- A task that ran runs no longer.
local function let_go(index, task)
  if task[STATE] ~= 'running' then return end
  redis.call('HINCRBY', KEYS[1], 'running', -1)
  redis.call('SREM', held(task[INSTANCE]), task_id(index))
end

-- How many of its starts count: a start that was handed back without a fault of its own is spared.
local function charged(task) return task[ATTEMPT] - task[SPARED] end

local function exhausted(task)
  local last = task[REASON]
  if last == '' then last = 'the worker process that ran it was lost each time' end
  local times = charged(task) == 1 and 'once' or charged(task) .. ' times'
  task[REASON] = 'it was started ' .. times .. ' and never ended: ' .. last
end

-- The one place where a task ends; who ends it counts it. KEYS: job, tasks, completions.
-- `run` is the run that brought the end: its result counts. Nothing where the task was ended from outside.
local function end_task(index, task, state, at, run)
  let_go(index, task)
  task[STATE] = state
  task[FINISHED] = at
  task[RUN] = run or ''
  save(KEYS[2], index, task)
  -- In one field: who waits for a thousand of them takes as long to read each field as all that is in it.
  redis.call('XADD', KEYS[3], '*', 'end', cmsgpack.pack({tonumber(index), state, task[RUN], task[PARTS]}))
end

-- Counts tasks that have ended, by their state. KEYS: job, tasks, completions.
local function count_ended(numbers, at)
  local all = 0
  for state, number in pairs(numbers) do
    redis.call('HINCRBY', KEYS[1], state, number)
    all = all + number
  end
  if redis.call('HINCRBY', KEYS[1], 'left', -all) == 0 then
    redis.call('HSET', KEYS[1], 'finished', exact(at))
  end
  local ttl = redis.call('HGET', KEYS[1], 'ttl')
  for k = 1, 3 do redis.call('EXPIRE', KEYS[k], ttl) end
end

local function finalise(index, task, state, run)
  local at = now()
  end_task(index, task, state, at, run)
  count_ended({[state] = 1}, at)
end

-- Whether the job is there and has such a task.
local function known(index)
  local tasks = redis.call('HGET', KEYS[1], 'tasks')
  return tasks and tonumber(index) >= 0 and tonumber(index) < tonumber(tasks)
end
