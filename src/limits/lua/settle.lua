-- Gives a reservation back and counts what was spent.
-- KEYS     as in reserve.lua
-- ARGV[1]  lease id   ARGV[2]  tokens spent
-- ARGV[3]  ms per step by minute, -1 for no limit   ARGV[4]  the same by day
-- Returns  1 if the lease was still held, 0 if it had run out

local now = now_ms()
local held = redis.call('ZREM', KEYS[3], ARGV[1])
if held == 1 then
  redis.call('HINCRBY', KEYS[4], 'sum', -(tonumber(redis.call('HGET', KEYS[4], ARGV[1])) or 0))
  redis.call('HDEL', KEYS[4], ARGV[1])
end
for i = 1, 2 do
  local step_ms = tonumber(ARGV[2 + i])
  if step_ms > 0 and tonumber(ARGV[2]) > 0 then window_add(KEYS[i], step_ms, now, ARGV[2]) end
end
return held
