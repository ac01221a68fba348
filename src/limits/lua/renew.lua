-- Holds a reservation for another while. One that ran out, or was lost with its server, is held again.
-- KEYS[2i - 1]  hash of account i   KEYS[2i]  its leases   KEYS[2n + 1]  hash of the breaker whose trial it is, if any
-- ARGV[1]  lease   ARGV[2]  its tokens   ARGV[3]  ms it lasts   ARGV[4]  n, the number of accounts
-- Returns  1

local lease, lease_ms, n = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
for i = 1, n do
  lease_hold(KEYS[2 * i], KEYS[2 * i - 1], lease .. ':' .. ARGV[2], tonumber(ARGV[2]), now, lease_ms)
end
local hash = KEYS[2 * n + 1]
if hash and redis.call('HGET', hash, 'b.trial') == lease then
  redis.call('HSET', hash, 'b.trialUntil', now + lease_ms)
end
return 1
