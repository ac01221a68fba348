-- Counts one request if every limit has room for it and the breaker lets it through.
-- KEYS[2i - 1]  hash of account i   KEYS[2i]  its steps; the breaker's account is the first
-- ARGV[1]  lease of the request   ARGV[2]  ms a lease lasts
-- ARGV[3]  actions a minute of the breaker's account, -1 for no breaker
-- ARGV[3i + 1 .. 3i + 3]  of account i: scope, limit, -1 for none, and the name of the window it is of
-- Returns  outcome (0 admitted, 1 requests, 2 breaker), ms to wait, ms until one more would be admitted,
--          trial (0|1), opened (0|1), when it was counted, then the tightest limit as `tightest` returns it

local lease, lease_ms, actions_limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
local accounts, uses = {}, {}
for i = 1, #KEYS / 2 do
  local limit, name = tonumber(ARGV[3 * i + 2]), ARGV[3 * i + 3]
  local guarded = actions_limit >= 0 and i == 1
  local names = {}
  if limit >= 0 then names[1] = name end
  if guarded then names[#names + 1] = 'a' end
  local account = account_open(KEYS[2 * i - 1], KEYS[2 * i], names, guarded and { 'b.until' } or {}, now)
  accounts[i] = account
  if limit >= 0 then
    local window = account.windows[name]
    uses[#uses + 1] = { scope = tonumber(ARGV[3 * i + 1]), limit = limit, used = window.sum, window = window }
  end
end

local function wait_for(more)
  local wait = 0
  for _, use in ipairs(uses) do
    wait = math.max(wait, window_until_freed(use.window, use.used + more - use.limit))
  end
  return wait
end

local function answer(outcome, wait, next_wait, trial, opened, more)
  local standing = tightest(uses, more)
  return { outcome, wait, next_wait, trial, opened, now, standing[1], standing[2], standing[3], standing[4] }
end

local full = wait_for(1)
-- As a rule it is closed, and stays closed; then there is nothing more to know of it.
local actions = actions_limit >= 0 and accounts[1].windows.a
local is_open = actions and accounts[1].values['b.until'] ~= nil
local breaker = actions and (is_open or actions.sum >= actions_limit) and breaker_of(accounts[1])
local open = breaker and breaker_wait(breaker) or 0
if open > 0 then
  local wait = math.ceil(math.max(open, full))
  return answer(2, wait, wait, 0, 0, 0)
end
if full > 0 then return answer(1, full, full, 0, 0, 0) end

local trial = 0
if actions then
  if is_open then
    trial = 1
    breaker_try(breaker, lease, lease_ms)
  elseif actions.sum >= actions_limit then
    local cool = breaker_open(breaker, actions)
    account_save(breaker.account)
    return answer(2, cool, cool, 0, 1, 0)
  end
  window_add(actions, 1)
end
for _, use in ipairs(uses) do window_add(use.window, 1) end
for _, account in ipairs(accounts) do account_save(account) end
return answer(0, 0, wait_for(2), trial, 0, 1)
