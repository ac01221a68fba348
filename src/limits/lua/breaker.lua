-- A circuit breaker, as in breaker.ts, in the fields of its account's hash: `b.until` while it is open, `b.cool`
-- (how long it was open last), `b.openings`, `b.closed` (when), `b.trial` and `b.trialUntil`.

local COOL_MS, LONGEST_MS, FORGET_MS = 60000, 3600000, 600000
local SOON_MS = 1000

local function breaker_read(key, now)
  local f = redis.call('HMGET', key, 'b.until', 'b.cool', 'b.openings', 'b.closed', 'b.trial', 'b.trialUntil')
  local b = {
    key = key, now = now, until_ms = tonumber(f[1]), cool = tonumber(f[2]) or 0, openings = tonumber(f[3]) or 0,
    closed = tonumber(f[4]), trial = f[5], trial_until = tonumber(f[6]) or 0,
  }
  -- By a clock that went back it would be open for longer than it was meant to be.
  if b.until_ms then b.until_ms = math.min(b.until_ms, now + b.cool) end
  return b
end

-- How long a request must wait; 0 if it may go, through an open one as its trial.
local function breaker_wait(b)
  if not b.until_ms then return 0 end
  if b.now < b.until_ms then return b.until_ms - b.now end
  if b.trial and b.now < b.trial_until then return SOON_MS end
  return 0
end

-- What led to it is forgotten: waiting is the answer to that. Returns for how long.
local function breaker_open(b, actions)
  window_clear(actions)
  local forgotten = not b.until_ms and (not b.closed or b.now - b.closed > math.max(FORGET_MS, b.cool))
  b.openings = forgotten and 1 or b.openings + 1
  b.cool = math.min(COOL_MS * 2 ^ math.min(b.openings - 1, 16), LONGEST_MS)
  b.until_ms, b.trial = b.now + b.cool, false
  redis.call('HSET', b.key, 'b.until', b.until_ms, 'b.cool', b.cool, 'b.openings', b.openings)
  redis.call('HDEL', b.key, 'b.trial', 'b.trialUntil')
  redis.call('PEXPIRE', b.key, KEEP_MS)
  return b.cool
end

local function breaker_try(b, lease, lease_ms)
  redis.call('HSET', b.key, 'b.trial', lease, 'b.trialUntil', b.now + lease_ms)
end

local function breaker_end_trial(b, lease, passed)
  if b.trial ~= lease then return end
  b.trial = false
  redis.call('HDEL', b.key, 'b.trial', 'b.trialUntil')
  if passed then
    b.until_ms = nil
    redis.call('HDEL', b.key, 'b.until')
    redis.call('HSET', b.key, 'b.closed', b.now)
  end
end
