-- Closes a breaker by hand: as if nothing had been.
-- KEYS[1]  hash of its account
-- Returns  1 if it was open

local now = now_ms()
local open = redis.call('HDEL', KEYS[1], 'b.until')
redis.call('HDEL', KEYS[1], 'b.cool', 'b.openings', 'b.closed', 'b.trial', 'b.trialUntil')
window_clear(window_open(KEYS[1], 'a', MINUTE_STEP, now))
return open
