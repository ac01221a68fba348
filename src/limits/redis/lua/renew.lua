-- Holds a reservation for another while. One that ran out, or was lost with its server, is held again.
-- KEYS[3i - 2]  hash of account i   KEYS[3i - 1]  its steps   KEYS[3i]  its leases
-- KEYS[3n + 1]  hash of the breaker whose trial it is, if any
-- ARGV[1]  lease   ARGV[2]  its tokens   ARGV[3]  ms it lasts   ARGV[4]  n, the number of accounts
-- Returns  nothing

local lease, lease_ms, n = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
for i = 1, n do
  local account = account_open(KEYS[3 * i - 2], KEYS[3 * i - 1], {}, { 'pending' }, now)
  lease_hold(leases_of(account, KEYS[3 * i]), lease .. ':' .. ARGV[2], tonumber(ARGV[2]), lease_ms)
  -- It may count a month.
  account.keep_ms = math.max(KEEP_MS, redis.call('PTTL', account.key))
  account_save(account)
end
local hash = KEYS[3 * n + 1]
if hash and redis.call('HGET', hash, 'b.trial') == lease then
  redis.call('HSET', hash, 'b.trialUntil', whole(now + lease_ms))
end
return {}
