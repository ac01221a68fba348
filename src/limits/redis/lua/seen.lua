-- How often the same thing came, as in repetition.ts: a list of the latest times, newest first, as many as may come
-- in the window.

local function seen_wait(key, same, window_ms, now)
  local oldest = tonumber(redis.call('LINDEX', key, same - 1) or nil)
  if not oldest then return 0 end
  return math.min(math.max(0, oldest + window_ms - now), window_ms)
end

local function seen_note(key, same, window_ms, now)
  if redis.call('LPUSH', key, whole(now)) > same then redis.call('LTRIM', key, 0, same - 1) end
  redis.call('PEXPIRE', key, window_ms)
end
