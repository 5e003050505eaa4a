-- Ends a task from outside: a time limit, a message that cannot be read, a revoke. KEYS: job, tasks, completions.
-- ARGV: index, state (failed | cancelled), reason, the only instance that it may run on ('' for any).
-- Returns 1 if this was the first end.
if not known(ARGV[1]) then return 0 end
local task = load(KEYS[2], ARGV[1])
if FINAL[task[STATE]] then return 0 end
if ARGV[4] ~= '' and task[STATE] == 'running' and task[INSTANCE] ~= ARGV[4] then return 0 end
task[REASON] = ARGV[3]
finalise(ARGV[1], task, ARGV[2])
return 1
