-- One account is one hash, read with one command and written with one, and another one for what is looked at rarely. It
-- holds sliding windows, as in window.ts, each under a letter: `r` requests, `q` requests by day, `p` probes, `a` actions,
-- `m` tokens by minute, `d` tokens by day. Of each the current step and the sixty before it count: `NAME.sum` of them all, `NAME.old` and
-- `NAME.new`, the first and the last step, `NAME.cur`, the count of the last; the others stand in the second hash, as
-- `NAME:STEP`. Server time, so that gateways need not agree on theirs.
-- `M`, tokens by month, is a window of one step, which is a calendar month.

-- Numbers that are not here are those of store.ts, put in front by scripts.ts.
local STEP_MS = { r = MINUTE_STEP, q = DAY_STEP, p = MINUTE_STEP, a = MINUTE_STEP, m = MINUTE_STEP, d = DAY_STEP }
-- What nobody used for longer than its longest window is gone by itself.
local KEEP_MS = 90000000
-- And where it counts a month.
local KEEP_MONTH_MS = 32 * 86400000

local started_ms

-- When this batch began: of all its operations the same.
local function now_ms()
  if not started_ms then
    local t = redis.call('TIME')
    started_ms = t[1] * 1000 + math.floor(t[2] / 1000)
  end
  return started_ms
end

local function whole(number) return string.format('%.0f', number) end

local function step_of(name, ms)
  if name == 'M' then return month_of(ms) end
  return math.floor(ms / STEP_MS[name])
end

-- When a step stops counting.
local function step_end_ms(w, step)
  if w.name == 'M' then return month_start_ms(step + 1) end
  return (step + SLOTS) * STEP_MS[w.name]
end

local function step_fields(name, from, to)
  local fields = {}
  for step = from, to do fields[#fields + 1] = name .. ':' .. whole(step) end
  return fields
end

local function account_set(account, field, value)
  local changes = account.changes
  changes[#changes + 1], changes[#changes + 2] = field, value
end

local function account_save(account)
  if #account.changes == 0 then return end
  redis.call('HSET', account.key, unpack(account.changes))
  redis.call('PEXPIRE', account.key, account.keep_ms)
  account.changes = {}
end

-- What the window has counted. Where it has come to is written once a step.
local function window_set(w)
  account_set(w.account, w.name .. '.sum', whole(w.sum))
  account_set(w.account, w.name .. '.cur', whole(w.cur))
  if w.moved then
    account_set(w.account, w.name .. '.old', whole(w.old))
    account_set(w.account, w.name .. '.new', whole(w.new))
    w.moved = false
  end
end

-- After a clock that went back (a failover to a server that is behind) everything counts as if it had just come:
-- never too little.
local function window_rebase(w)
  local back = w.new - w.step
  if w.old < w.new then
    local fields = step_fields(w.name, w.old, w.new - 1)
    local counts = redis.call('HMGET', w.steps, unpack(fields))
    redis.call('HDEL', w.steps, unpack(fields))
    for i, count in ipairs(counts) do
      if count then redis.call('HSET', w.steps, w.name .. ':' .. whole(w.old + i - 1 - back), count) end
    end
    redis.call('PEXPIRE', w.steps, KEEP_MS)
  end
  w.old, w.new = w.old - back, w.step
end

-- To the current step, without what has left the window.
local function window_advance(w)
  local first = w.name == 'M' and w.step or w.step - SLOTS + 1
  if w.new < first then
    if w.old < w.new then redis.call('HDEL', w.steps, unpack(step_fields(w.name, w.old, w.new - 1))) end
    w.sum, w.old = 0, w.step
  else
    if w.cur > 0 then
      redis.call('HSET', w.steps, w.name .. ':' .. whole(w.new), whole(w.cur))
    end
    -- As long as the account itself, which is kept by whoever asks.
    redis.call('PEXPIRE', w.steps, KEEP_MS)
    if w.old < first then
      local fields = step_fields(w.name, w.old, first - 1)
      for _, count in ipairs(redis.call('HMGET', w.steps, unpack(fields))) do
        w.sum = w.sum - (tonumber(count) or 0)
      end
      redis.call('HDEL', w.steps, unpack(fields))
      w.old = first
    end
  end
  w.new, w.cur = w.step, 0
end

-- Reads windows and further fields. `windows` and `values` of what it returns are by name.
local function account_open(key, steps, names, fields, now)
  local wanted = {}
  for _, name in ipairs(names) do
    local at = #wanted
    wanted[at + 1], wanted[at + 2] = name .. '.sum', name .. '.old'
    wanted[at + 3], wanted[at + 4] = name .. '.new', name .. '.cur'
  end
  for _, field in ipairs(fields) do wanted[#wanted + 1] = field end
  local account = { key = key, now = now, windows = {}, values = {}, changes = {}, keep_ms = KEEP_MS }
  if #wanted == 0 then return account end
  local found = redis.call('HMGET', key, unpack(wanted))
  for i, name in ipairs(names) do
    local at, step = 4 * (i - 1), step_of(name, now)
    if name == 'M' then account.keep_ms = KEEP_MONTH_MS end
    local w = {
      account = account, steps = steps, name = name, step = step, now = now,
      sum = tonumber(found[at + 1]) or 0, old = tonumber(found[at + 2]) or step,
      new = tonumber(found[at + 3]) or step, cur = tonumber(found[at + 4]) or 0,
      moved = not found[at + 3],
    }
    if w.new ~= step then
      w.moved = true
      if w.new > step then window_rebase(w) else window_advance(w) end
      -- What was moved must not be moved again, whatever becomes of the request.
      window_set(w)
      account_save(account)
    end
    account.windows[name] = w
  end
  for i, field in ipairs(fields) do account.values[field] = found[4 * #names + i] or nil end
  return account
end

local function window_add(w, count)
  w.sum, w.cur = w.sum + count, w.cur + count
  window_set(w)
end

-- Forgets one count of the step in which it was made. Returns whether it still counted: after a clock that jumped it may
-- not be found, and then it goes on counting.
local function window_take_back(w, at)
  local step = math.floor(at / STEP_MS[w.name])
  if step == w.new then
    if w.cur < 1 then return false end
    w.cur = w.cur - 1
  else
    if step < w.old or step > w.new then return false end
    local field = w.name .. ':' .. whole(step)
    if (tonumber(redis.call('HGET', w.steps, field)) or 0) < 1 then return false end
    redis.call('HINCRBY', w.steps, field, -1)
  end
  w.sum = w.sum - 1
  window_set(w)
  return true
end

local function window_clear(w)
  if w.old < w.new then redis.call('HDEL', w.steps, unpack(step_fields(w.name, w.old, w.new - 1))) end
  w.sum, w.cur, w.old, w.moved = 0, 0, w.step, true
  window_set(w)
end

-- Milliseconds until at least `count` of what counts is forgotten.
local function window_until_freed(w, count)
  if count <= 0 then return 0 end
  local freed = 0
  if w.old < w.new then
    for i, each in ipairs(redis.call('HMGET', w.steps, unpack(step_fields(w.name, w.old, w.new - 1)))) do
      freed = freed + (tonumber(each) or 0)
      if freed >= count then return math.ceil(step_end_ms(w, w.old + i - 1) - w.now) end
    end
  end
  return math.ceil(step_end_ms(w, w.new) - w.now)
end

-- Milliseconds until nothing counts: the last step that holds something decides.
local function window_until_empty(w)
  if w.sum <= 0 then return 0 end
  if w.cur > 0 then return math.ceil(step_end_ms(w, w.new) - w.now) end
  return window_until_freed(w, w.sum)
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
