-- Cancels every task of a job that has not ended, or only the tasks given. KEYS: job, tasks, completions.
-- ARGV: the indexes, or nothing for all. Returns {known job 0|1, tasks cancelled now}.
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0} end
local indexes = ARGV
local tasks = tonumber(redis.call('HGET', KEYS[1], 'tasks'))
if #ARGV == 0 then
  redis.call('HSETNX', KEYS[1], 'cancel', exact(now()))
  indexes = {}
  for i = 0, tasks - 1 do indexes[i + 1] = tostring(i) end
end
local at, cancelled = now(), 0
for _, index in ipairs(indexes) do
  local task = load(KEYS[2], index)
  if tonumber(index) >= 0 and tonumber(index) < tasks and not FINAL[task[STATE]] then
    task[REASON] = ''  -- what an earlier attempt was lost for is not why it was cancelled
    end_task(index, task, 'cancelled', at)
    cancelled = cancelled + 1
  end
end
if cancelled > 0 then count_ended({cancelled = cancelled}, at) end
return {1, cancelled}
