-- Gives a reservation back, counts what was spent and what was done.
-- KEYS[2i - 1]  hash of account i   KEYS[2i]  its leases
-- KEYS[2n + 1]  hash of the breaker's account, if ARGV[5] is not -1
-- the rest      tool calls that must not come too often
-- ARGV[1]  lease   ARGV[2]  tokens that were reserved   ARGV[3]  tokens spent   ARGV[4]  n, the number of accounts
-- ARGV[5]  actions a minute, -1 for no breaker   ARGV[6]  tool calls
-- ARGV[7]  of a trial: 1 passed, 0 refused; -1 for none
-- ARGV[8]  how often the same tool call may come   ARGV[9]  in how many ms
-- ARGV[8 + 2i], ARGV[9 + 2i]  whether account i counts tokens by minute and by day (1|0)
-- Returns  opened (0|1), ms until the tool calls would not be too many (0: they are not)

local lease, spent, n = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local actions_limit, actions, trial = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local same, within_ms = tonumber(ARGV[8]), tonumber(ARGV[9])
local member = lease .. ':' .. ARGV[2]
local now = now_ms()

for i = 1, n do
  local hash, set = KEYS[2 * i - 1], KEYS[2 * i]
  if redis.call('ZSCORE', set, member) then
    lease_drop(set, hash, { member })
    if spent > 0 then
      if ARGV[8 + 2 * i] == '1' then window_add(window_open(hash, 'm', MINUTE_STEP, now), spent) end
      if ARGV[9 + 2 * i] == '1' then window_add(window_open(hash, 'd', DAY_STEP, now), spent) end
    end
  end
end

local at, opened = 2 * n + 1, 0
if actions_limit >= 0 then
  local window = window_open(KEYS[at], 'a', MINUTE_STEP, now)
  if actions > 0 then window_add(window, actions) end
  local too_many = window.sum > actions_limit
  local breaker = breaker_read(KEYS[at], now)
  if trial >= 0 then breaker_end_trial(breaker, lease, trial == 1 and not too_many) end
  if too_many and actions > 0 and breaker_wait(breaker) == 0 then
    breaker_open(breaker, window)
    opened = 1
  end
  at = at + 1
end

local repeated = 0
for j = at, #KEYS do
  local wait = seen_wait(KEYS[j], same, within_ms, now)
  if wait == 0 then seen_note(KEYS[j], same, within_ms, now) end
  repeated = math.max(repeated, wait)
end
return { opened, math.ceil(repeated) }
