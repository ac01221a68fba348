-- A circuit breaker, as in breaker.ts, in fields of its account: `b.until` while it is open, `b.cool` (how long it was
-- open last), `b.openings`, `b.closed` (when), `b.trial` and `b.trialUntil`.

local BREAKER = { 'b.until', 'b.cool', 'b.openings', 'b.closed', 'b.trial', 'b.trialUntil' }

-- Reads the breaker of an account.
local function breaker_of(account)
  local v = {}
  for i, value in ipairs(redis.call('HMGET', account.key, unpack(BREAKER))) do v[BREAKER[i]] = value or nil end
  local b = {
    account = account, now = account.now, until_ms = tonumber(v['b.until']), cool = tonumber(v['b.cool']) or 0,
    openings = tonumber(v['b.openings']) or 0, closed = tonumber(v['b.closed']), trial = v['b.trial'],
    trial_until = tonumber(v['b.trialUntil']) or 0,
  }
  -- By a clock that went back it would be open for longer than it was meant to be.
  if b.until_ms then b.until_ms = math.min(b.until_ms, b.now + b.cool) end
  return b
end

-- How long a request must wait; 0 if it may go, through an open one as its trial.
local function breaker_wait(b)
  if not b.until_ms then return 0 end
  if b.now < b.until_ms then return b.until_ms - b.now end
  if b.trial and b.now < b.trial_until then return SOON_MS end
  return 0
end

-- What led to it is forgotten: waiting is the answer to that. To be saved. Returns for how long.
local function breaker_open(b, actions)
  window_clear(actions)
  local forgotten = not b.until_ms and (not b.closed or b.now - b.closed > math.max(FORGET_MS, b.cool))
  b.openings = forgotten and 1 or b.openings + 1
  b.cool = math.min(COOL_MS * 2 ^ math.min(b.openings - 1, 16), LONGEST_MS)
  b.until_ms, b.trial = b.now + b.cool, nil
  redis.call('HDEL', b.account.key, 'b.trial', 'b.trialUntil')
  account_set(b.account, 'b.until', whole(b.until_ms))
  account_set(b.account, 'b.cool', whole(b.cool))
  account_set(b.account, 'b.openings', whole(b.openings))
  return b.cool
end

local function breaker_try(b, lease, lease_ms)
  account_set(b.account, 'b.trial', lease)
  account_set(b.account, 'b.trialUntil', whole(b.now + lease_ms))
end

local function breaker_end_trial(b, lease, passed)
  if b.trial ~= lease then return end
  b.trial = nil
  redis.call('HDEL', b.account.key, 'b.trial', 'b.trialUntil')
  if passed then
    b.until_ms = nil
    redis.call('HDEL', b.account.key, 'b.until')
    account_set(b.account, 'b.closed', whole(b.now))
  end
end
