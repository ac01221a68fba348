-- Shared by the scripts beside it: a sliding window in a hash, step number -> count, as in window.ts.
-- The current step and the sixty before it count. Server time, so that gateways need not agree on theirs.

local SLOTS = 61

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Forgets what has left the window. Returns the sum, and the steps in order with their counts.
local function window_read(key, step_ms, now)
  local oldest = math.floor(now / step_ms) - (SLOTS - 1)
  local flat = redis.call('HGETALL', key)
  local total, steps = 0, {}
  for i = 1, #flat, 2 do
    local step, count = tonumber(flat[i]), tonumber(flat[i + 1])
    if step < oldest then
      redis.call('HDEL', key, flat[i])
    else
      total = total + count
      steps[#steps + 1] = { step, count }
    end
  end
  table.sort(steps, function(a, b) return a[1] < b[1] end)
  return total, steps
end

-- Milliseconds until `count` of what counts now is forgotten, or -1 if there is less than that.
local function window_until_freed(steps, step_ms, now, count)
  if count <= 0 then return 0 end
  local freed = 0
  for _, entry in ipairs(steps) do
    freed = freed + entry[2]
    if freed >= count then return math.ceil((entry[1] + SLOTS) * step_ms - now) end
  end
  return -1
end

local function window_add(key, step_ms, now, count)
  redis.call('HINCRBY', key, math.floor(now / step_ms), count)
  redis.call('PEXPIRE', key, math.ceil(SLOTS * step_ms))
end
