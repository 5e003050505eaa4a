-- Reads values until they have some size together. KEYS: the values. ARGV: bytes. Returns as many as fit, at least one;
-- false for one that is not there.
local found, bytes, most = {}, 0, tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local size = redis.call('STRLEN', key)
  if i > 1 and bytes + size > most then break end
  bytes = bytes + size
  found[i] = redis.call('GET', key)
end
return found
