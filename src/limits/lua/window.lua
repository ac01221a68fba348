-- Sliding windows, as in window.ts: the current step and the sixty before it count. Several live in one hash, each
-- under its name: `NAME:STEP` -> count, `NAME.sum` of all that counts, `NAME.old` and `NAME.new`, its first and last step.
-- Server time, so that gateways need not agree on theirs.

local SLOTS = 61
local MINUTE_STEP, DAY_STEP = 1000, 1440000
-- A hash that nobody used for longer than its longest window is gone by itself.
local KEEP_MS = 90000000

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function window_fields(name, from, to)
  local fields = {}
  for step = from, to do fields[#fields + 1] = string.format('%s:%.0f', name, step) end
  return fields
end

-- After a clock that went back (a failover to a server that is behind) everything counts as if it had just come:
-- never too little.
local function window_rebase(w)
  local fields = window_fields(w.name, w.old, w.new)
  local counts = redis.call('HMGET', w.key, unpack(fields))
  redis.call('HDEL', w.key, unpack(fields))
  local back = w.new - w.step
  for i, count in ipairs(counts) do
    if count then redis.call('HSET', w.key, string.format('%s:%.0f', w.name, w.old + i - 1 - back), count) end
  end
  w.old, w.new = w.old - back, w.step
  redis.call('HSET', w.key, w.name .. '.old', w.old, w.name .. '.new', w.new)
end

-- What has left the window.
local function window_forget(w)
  local first = w.step - SLOTS + 1
  if w.old >= first then return end
  local last = math.min(first - 1, w.new)
  local fields = window_fields(w.name, w.old, last)
  for _, count in ipairs(redis.call('HMGET', w.key, unpack(fields))) do
    w.sum = w.sum - (tonumber(count) or 0)
  end
  redis.call('HDEL', w.key, unpack(fields))
  w.old = last + 1
  if last == w.new then w.sum, w.old, w.new = 0, w.step, w.step end
  redis.call('HSET', w.key, w.name .. '.sum', w.sum, w.name .. '.old', w.old, w.name .. '.new', w.new)
end

local function window_open(key, name, step_ms, now)
  local found = redis.call('HMGET', key, name .. '.sum', name .. '.old', name .. '.new')
  local step = math.floor(now / step_ms)
  local w = {
    key = key, name = name, step_ms = step_ms, now = now, step = step,
    sum = tonumber(found[1]) or 0, old = tonumber(found[2]) or step, new = tonumber(found[3]) or step,
  }
  if w.new > step then window_rebase(w) end
  window_forget(w)
  return w
end

local function window_add(w, count)
  w.sum, w.new = w.sum + count, w.step
  redis.call('HINCRBY', w.key, string.format('%s:%.0f', w.name, w.step), count)
  redis.call('HSET', w.key, w.name .. '.sum', w.sum, w.name .. '.old', w.old, w.name .. '.new', w.new)
  redis.call('PEXPIRE', w.key, KEEP_MS)
end

local function window_clear(w)
  redis.call('HDEL', w.key, w.name .. '.sum', w.name .. '.old', w.name .. '.new', unpack(window_fields(w.name, w.old, w.new)))
  w.sum, w.old, w.new = 0, w.step, w.step
end

-- Milliseconds until at least `count` of what counts now is forgotten.
local function window_until_freed(w, count)
  if count <= 0 then return 0 end
  local freed = 0
  for i, each in ipairs(redis.call('HMGET', w.key, unpack(window_fields(w.name, w.old, w.new)))) do
    freed = freed + (tonumber(each) or 0)
    if freed >= count then return math.ceil((w.old + i - 1 + SLOTS) * w.step_ms - w.now) end
  end
  return math.ceil((w.new + SLOTS) * w.step_ms - w.now)
end

local function window_until_empty(w)
  if w.sum <= 0 then return 0 end
  return math.ceil((w.new + SLOTS) * w.step_ms - w.now)
end

-- Of limits in use ({ scope, limit, used, window }) the one that leaves least once `more` are taken, as four numbers
-- of an answer: scope (0 for none), limit, remaining, ms until all is free.
local function tightest(uses, more)
  local found = { 0, 0, 0, 0 }
  for _, use in ipairs(uses) do
    local left = math.max(0, use.limit - use.used - more)
    if found[1] == 0 or left < found[3] then
      found = { use.scope, use.limit, left, window_until_empty(use.window) }
    end
  end
  return found
end
