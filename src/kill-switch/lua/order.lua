-- Puts orders where all gateways find them, unless later ones are there already, and tells of them. Of two at the same
-- time the one that freezes holds, as in orders.ts.
-- KEYS[1]  hash: subject -> order, JSON   ARGV[1]  channel   ARGV[2i], ARGV[2i + 1]  subject and order
-- Returns  how many were new

local new = 0
for i = 2, #ARGV, 2 do
  local readable, known = pcall(cjson.decode, redis.call('HGET', KEYS[1], ARGV[i]) or '')
  local order = cjson.decode(ARGV[i + 1])
  if not readable or known.at < order.at or known.at == order.at and order.frozen and not known.frozen then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    new = new + 1
  end
end
if new > 0 then redis.call('PUBLISH', ARGV[1], new) end
return new
