-- Closes a breaker by hand: as if nothing had been.
-- KEYS[1]  hash of its account   KEYS[2]  its steps
-- Returns  1 if it was open, else 0

local account = account_open(KEYS[1], KEYS[2], { 'a' }, {}, now_ms())
local open = redis.call('HDEL', KEYS[1], 'b.until')
redis.call('HDEL', KEYS[1], unpack(BREAKER))
window_clear(account.windows.a)
account_save(account)
return { open }
