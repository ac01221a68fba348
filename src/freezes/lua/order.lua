-- Puts orders where all gateways find them, unless later ones are there already, and tells of them.
-- KEYS[1]  hash: subject -> order, JSON   ARGV[1]  channel   ARGV[2i], ARGV[2i + 1]  subject and order
-- Returns  how many were new

local new = 0
for i = 2, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if not known or cjson.decode(known).at < cjson.decode(ARGV[i + 1]).at then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    new = new + 1
  end
end
if new > 0 then redis.call('PUBLISH', ARGV[1], new) end
return new
