-- Tells what an account has used, and changes nothing: neither are windows moved, nor is anything forgotten.
-- KEYS[1]  hash of its account   KEYS[2]  its steps   KEYS[3]  its leases
-- Returns  of the windows r, p, a, m and d each: what counts, and ms until it does not; then tokens that are reserved, how
--          many leases hold, whether the breaker is open (0|1), ms until it lets a trial through

local now = now_ms()

-- What counts of a window: see account.lua for its fields.
local function window_read(name)
  local found = redis.call('HMGET', KEYS[1], name .. '.sum', name .. '.old', name .. '.new', name .. '.cur')
  local sum, new = tonumber(found[1]) or 0, tonumber(found[3])
  if not new or sum <= 0 then return 0, 0 end
  local ms = STEP_MS[name]
  local step, old, cur = math.floor(now / ms), tonumber(found[2]) or new, tonumber(found[4]) or 0
  -- By a clock that went back all of it has just come.
  local back = math.max(0, new - step)
  local first = math.max(old, step + back - SLOTS + 1)
  if new < first then return 0, 0 end
  local used, last = cur, cur > 0 and new or nil
  if first < new then
    local counts = redis.call('HMGET', KEYS[2], unpack(step_fields(name, first, new - 1)))
    for i, count in ipairs(counts) do
      local here = tonumber(count) or 0
      used = used + here
      if here > 0 and (not last or first + i - 1 > last) then last = first + i - 1 end
    end
  end
  if not last then return 0, 0 end
  return used, math.ceil((last - back + SLOTS) * ms - now)
end

local answer = {}
for _, name in ipairs({ 'r', 'p', 'a', 'm', 'd' }) do
  local used, reset = window_read(name)
  answer[#answer + 1], answer[#answer + 2] = used, reset
end

local pending, held = 0, 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. whole(now), '+inf', 'LIMIT', 0, 1024)) do
  pending, held = pending + tonumber(string.match(member, ':(%d+)$')), held + 1
end
local b = breaker_of({ key = KEYS[1], now = now })
answer[#answer + 1], answer[#answer + 2] = pending, held
answer[#answer + 1] = b.until_ms and 1 or 0
answer[#answer + 1] = b.until_ms and math.max(0, b.until_ms - now) or 0
return answer
