-- Remembers calls that were let through, and forgets the oldest above a number.
-- KEYS[1]  sorted set: mark -> when   ARGV[1]  most marks   ARGV[2]  ms they are kept   ARGV[3..]  marks
-- Returns  how many are remembered

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[1]) - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
