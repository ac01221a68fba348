-- Sets tokens and a slot aside for one request.
-- KEYS[1]  tokens spent, by minute      KEYS[2]  tokens spent, by day
-- KEYS[3]  leases: id -> expiry, sorted KEYS[4]  tokens per lease, and their sum in the field "sum"
-- ARGV[1]  lease id   ARGV[2]  its tokens   ARGV[3]  its life in ms
-- ARGV[4]  tokens a minute, -1 for no limit   ARGV[5]  ms per step of that window
-- ARGV[6]  tokens a day, -1 for no limit      ARGV[7]  ms per step of that window
-- ARGV[8]  slots, -1 for no limit
-- Returns  outcome (0 granted, 1 tokens, 2 slots), remaining, limit, reset ms, retry ms; -1 stands for "no limit"

local tokens = tonumber(ARGV[2])
local slots = tonumber(ARGV[8])
local now = now_ms()

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
  redis.call('HINCRBY', KEYS[4], 'sum', -(tonumber(redis.call('HGET', KEYS[4], id)) or 0))
  redis.call('HDEL', KEYS[4], id)
  redis.call('ZREM', KEYS[3], id)
end
local pending = tonumber(redis.call('HGET', KEYS[4], 'sum')) or 0

-- The token limit that leaves least once `more` tokens are reserved, and how long to wait for all of them.
local spent = {}
local function tightest(more)
  local remaining, limit, reset, retry = -1, -1, 0, 0
  for i, key in ipairs({ KEYS[1], KEYS[2] }) do
    local cap, step_ms = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
    if cap >= 0 then
      spent[i] = spent[i] or { window_read(key, step_ms, now) }
      local total, steps = spent[i][1], spent[i][2]
      local over = total + pending + more - cap
      if over > 0 then
        -- What is merely reserved may come back at any moment: ask again soon.
        local wait = over > total and 1000 or window_until_freed(steps, step_ms, now, over)
        retry = math.max(retry, wait)
      end
      local left = math.max(0, -over)
      if remaining < 0 or left < remaining then
        remaining, limit = left, cap
        reset = window_until_freed(steps, step_ms, now, total)
      end
    end
  end
  return remaining, limit, reset, retry
end

if slots >= 0 and redis.call('ZCARD', KEYS[3]) >= slots then
  local remaining, limit, reset = tightest(0)
  return { 2, remaining, limit, reset, 1000 }
end

local remaining, limit, reset, retry = tightest(tokens)
if retry > 0 then
  remaining, limit, reset = tightest(0)
  return { 1, remaining, limit, reset, retry }
end

redis.call('ZADD', KEYS[3], now + tonumber(ARGV[3]), ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], tokens)
redis.call('HINCRBY', KEYS[4], 'sum', tokens)
redis.call('PEXPIRE', KEYS[3], tonumber(ARGV[3]) * 2)
redis.call('PEXPIRE', KEYS[4], tonumber(ARGV[3]) * 2)
return { 0, remaining, limit, reset, 0 }
