-- Puts entries where all gateways find them, and tells of it; each unless somebody changed it meanwhile.
-- KEYS[1]  hash: name -> entry, JSON   KEYS[2]  stamp of the latest change   ARGV[1]  channel   ARGV[2]  the new stamp
-- ARGV[3i .. 3i + 2]  name, entry, and the entry that it was made from; empty for none
-- Returns  how many were put

local put = 0
for i = 3, #ARGV, 3 do
  if (redis.call('HGET', KEYS[1], ARGV[i]) or '') == ARGV[i + 2] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    put = put + 1
  end
end
if put > 0 then
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('PUBLISH', ARGV[1], put)
end
return put
