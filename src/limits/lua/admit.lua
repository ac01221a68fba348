-- Counts one request if there is room in its window.
-- KEYS[1]  the window
-- ARGV[1]  limit   ARGV[2]  milliseconds per step
-- Returns  admitted (0|1), remaining, ms until all is free, ms until one is free

local limit, step_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local total, steps = window_read(KEYS[1], step_ms, now)

if total >= limit then
  return {
    0, 0,
    window_until_freed(steps, step_ms, now, total),
    window_until_freed(steps, step_ms, now, total - limit + 1),
  }
end

window_add(KEYS[1], step_ms, now, 1)
local reset = math.ceil((math.floor(now / step_ms) + SLOTS) * step_ms - now)
return { 1, limit - total - 1, reset, 0 }
