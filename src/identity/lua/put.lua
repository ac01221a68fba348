-- Puts entries where all gateways find them, and tells of it.
-- KEYS[1]  hash: name -> entry, JSON   KEYS[2]  counter of changes   ARGV[1]  channel
-- ARGV[3i - 1 .. 3i + 1]  name, entry, and 1 if it may take the place of one that is there
-- Returns  how many were put

local put = 0
for i = 2, #ARGV, 3 do
  if ARGV[i + 2] == '1' or redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    put = put + 1
  end
end
if put > 0 then
  redis.call('INCR', KEYS[2])
  redis.call('PUBLISH', ARGV[1], put)
end
return put
