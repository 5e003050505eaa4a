-- Adds to what is known of how long kernels take. KEYS: the hash. ARGV: ttl, seconds after which half is forgotten, and
-- for each method its name, estimated seconds, measured seconds.
for i = 3, #ARGV, 3 do
  local estimated, measured = ARGV[i] .. ':estimated', ARGV[i] .. ':measured'
  local sum = tonumber(redis.call('HINCRBYFLOAT', KEYS[1], estimated, ARGV[i + 1]))
  local took = tonumber(redis.call('HINCRBYFLOAT', KEYS[1], measured, ARGV[i + 2]))
  if sum > tonumber(ARGV[2]) then
    redis.call('HSET', KEYS[1], estimated, tostring(sum / 2), measured, tostring(took / 2))
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
