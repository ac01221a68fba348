-- Gives a reservation back, counts what was spent and what was done.
-- KEYS[3i - 2]  hash of account i   KEYS[3i - 1]  its steps   KEYS[3i]  its leases
-- KEYS[3n + 1], KEYS[3n + 2]  hash and steps of the breaker's account, if ARGV[5] is not -1
-- then ARGV[10] things that did not come after all, forgotten if the reservation was still held; the rest are tool calls
-- that must not come too often
-- ARGV[1]  lease   ARGV[2]  tokens that were reserved   ARGV[3]  tokens spent   ARGV[4]  n, the number of accounts
-- ARGV[5]  actions a minute, -1 for no breaker   ARGV[6]  tool calls
-- ARGV[7]  of a trial: 1 passed, 0 refused; -1 for none
-- ARGV[8]  how often the same tool call may come   ARGV[9]  in how many ms
-- ARGV[10]  how many things did not come
-- ARGV[8 + 3i .. 10 + 3i]  whether account i counts tokens by minute, by day and by month (1|0)
-- Returns  opened (0|1), ms until the tool calls would not be too many (0: they are not)

local lease, tokens, spent, n = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local actions_limit, actions, trial = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local same, within_ms = tonumber(ARGV[8]), tonumber(ARGV[9])
local now = now_ms()

-- What limits nothing but repetition holds nothing.
local was_held = n == 0
for i = 1, n do
  local names = {}
  for w, name in ipairs({ 'm', 'd', 'M' }) do
    if ARGV[3 * i + 7 + w] == '1' then names[#names + 1] = name end
  end
  local account = account_open(KEYS[3 * i - 2], KEYS[3 * i - 1], names, { 'pending' }, now)
  local leases = leases_of(account, KEYS[3 * i])
  if lease_release(leases, lease .. ':' .. ARGV[2], tokens) then
    was_held = true
    if spent > 0 then
      for _, window in pairs(account.windows) do window_add(window, spent) end
    end
  end
  account_save(account)
end

local at, opened = 3 * n + 1, 0
if actions_limit >= 0 then
  local account = account_open(KEYS[at], KEYS[at + 1], { 'a' }, {}, now)
  local window, breaker = account.windows.a, breaker_of(account)
  if actions > 0 then window_add(window, actions) end
  local too_many = window.sum > actions_limit
  if trial >= 0 then breaker_end_trial(breaker, lease, trial == 1 and not too_many) end
  if too_many and actions > 0 and breaker_wait(breaker) == 0 then
    breaker_open(breaker, window)
    opened = 1
  end
  account_save(account)
  at = at + 2
end

if was_held then
  for j = at, at + tonumber(ARGV[10]) - 1 do redis.call('LPOP', KEYS[j]) end
end
at = at + tonumber(ARGV[10])

local repeated = 0
for j = at, #KEYS do
  local wait = seen_wait(KEYS[j], same, within_ms, now)
  if wait == 0 then seen_note(KEYS[j], same, within_ms, now) end
  repeated = math.max(repeated, wait)
end
return { opened, math.ceil(repeated) }
