-- Ends a task that an attempt ran. KEYS: job, tasks, completions, result.
-- ARGV: index, attempt, state, seconds, reason, parts, result bytes ('' where the parts are stored already).
-- Returns 1 if this was the first end, 0 if the task had ended before or a newer attempt runs.
local index = ARGV[1]
if not known(index) then return 0 end
local task = load(KEYS[2], index)
if FINAL[task[STATE]] or task[ATTEMPT] ~= tonumber(ARGV[2]) then return 0 end
task[SECONDS] = tonumber(ARGV[4])
task[REASON] = ARGV[5]
task[PARTS] = tonumber(ARGV[6])
if ARGV[7] ~= '' then
  redis.call('SET', KEYS[4], ARGV[7], 'EX', redis.call('HGET', KEYS[1], 'ttl'))
end
finalise(index, task, ARGV[3])
return 1
