-- Reads some of the jobs that have tasks left; those that have ended or expired are taken off their list.
-- KEYS: open jobs. ARGV: cursor ('0' first), about how many, queue ('' for all), whether each one is listed (1 | 0),
-- how many tasks may start together.
-- Returns {cursor ('0' last), tasks that wait, tasks that run, jobs as {id, tasks, wait, run, created, queue}, the least
-- number of messages that carry what waits, beside those of what runs, and the least number of those}.
-- Not all at once: the store does nothing else meanwhile. A job may come twice if the list shrinks between two reads.
local cursor, ids = unpack(redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2]))
local waiting, running, jobs, messages, busy = 0, 0, {}, 0, 0
for _, id in ipairs(ids) do
  local left, runs, queue, most = unpack(redis.call('HMGET', 'aerq:job:' .. id, 'left', 'running', 'queue', 'bundle'))
  left, runs = tonumber(left or 0), tonumber(runs or 0)
  if left == 0 then
    redis.call('SREM', KEYS[1], id)
  elseif ARGV[3] == '' or ARGV[3] == queue then
    waiting, running = waiting + left - runs, running + runs
    most = tonumber(most or 1)
    busy = busy + math.ceil(runs / math.min(most, tonumber(ARGV[5])))
    messages = messages + math.max(0, math.ceil((left - runs * most) / most))
    if ARGV[4] == '1' then
      local tasks, created = unpack(redis.call('HMGET', 'aerq:job:' .. id, 'tasks', 'created'))
      jobs[#jobs + 1] = {id, tonumber(tasks), left - runs, runs, created, queue}
    end
  end
end
return {cursor, waiting, running, jobs, messages, busy}
