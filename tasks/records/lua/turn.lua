-- Ends a task and asks to run another one of the same job: finish.lua and start.lua, together or not at all.
-- KEYS: job, tasks, completions, result, instances. ARGV: the 7 of finish.lua, then the 4 of start.lua.
-- Returns {1 or 0 as finish.lua says, verdict and attempt as start.lua says}.
local ended = finish({KEYS[1], KEYS[2], KEYS[3], KEYS[4]}, {unpack(ARGV, 1, 7)})
local verdict = start({KEYS[1], KEYS[2], KEYS[3], KEYS[5]}, {unpack(ARGV, 8, 11)})
return {ended, verdict[1], verdict[2]}
