-- Ends a task that a run has run. KEYS: job, tasks, completions, result.
-- ARGV: index, run, state, seconds, reason, parts, result bytes ('' where the parts are stored already).
-- Returns 1 if the task ended by this run, 0 if it had ended otherwise or another run was started since.
local index, run = ARGV[1], ARGV[2]
if not known(index) then return 0 end
local task = load(KEYS[2], index)
-- Attempts would not tell runs apart: a store that lost its last writes counts one of them twice.
if task[RUN] ~= run then return 0 end
-- The same run says it again when the first answer was lost on its way.
if FINAL[task[STATE]] then return 1 end
task[SECONDS] = tonumber(ARGV[4])
task[REASON] = ARGV[5]
task[PARTS] = tonumber(ARGV[6])
if ARGV[7] ~= '' then
  redis.call('SET', KEYS[4], ARGV[7], 'EX', redis.call('HGET', KEYS[1], 'ttl'))
end
finalise(index, task, ARGV[3], run)
return 1
