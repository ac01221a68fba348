-- Sets tokens and a slot of every account aside for one request.
-- KEYS[3i - 2]  hash of account i   KEYS[3i - 1]  its steps   KEYS[3i]  its leases
-- KEYS[3n + j]  what must not come too often
-- ARGV[1]  lease   ARGV[2]  its tokens   ARGV[3]  ms it lasts   ARGV[4]  n, the number of accounts
-- ARGV[5]  how often the same thing may come   ARGV[6]  in how many ms
-- ARGV[6i + 1 .. 6i + 6]  of account i: scope, then requests a minute, tokens a minute, a day and a month, slots; -1
--          for no limit
-- Returns  outcome (0 granted, 1 requests, 2 tokens, 3 concurrent, 4 repetition), ms to wait, then the tightest limit
--          of tokens and that of requests, each as `tightest` returns it

local lease, tokens, lease_ms, n = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local same, within_ms = tonumber(ARGV[5]), tonumber(ARGV[6])
local member = lease .. ':' .. ARGV[2]
local now = now_ms()
local held = {}
local request_uses, token_uses = {}, {}
local waits = { 0, 0, 0, 0 }

for i = 1, n do
  local at = 6 * i + 1
  local scope, slots = tonumber(ARGV[at]), tonumber(ARGV[at + 5])
  local limits, names = {}, {}
  for w, name in ipairs({ 'r', 'm', 'd', 'M' }) do
    local limit = tonumber(ARGV[at + w])
    if limit >= 0 then limits[name], names[#names + 1] = limit, name end
  end
  local account = account_open(KEYS[3 * i - 2], KEYS[3 * i - 1], names, { 'pending' }, now)
  local leases = leases_of(account, KEYS[3 * i])
  leases_sweep(leases)
  held[i] = leases
  local refused = false
  for _, name in ipairs(names) do
    local limit, window = limits[name], account.windows[name]
    local is_tokens = name ~= 'r'
    local use = { scope = scope, limit = limit, used = window.sum + (is_tokens and leases.pending or 0), window = window }
    local uses, kind = is_tokens and token_uses or request_uses, is_tokens and 2 or 1
    uses[#uses + 1] = use
    local over = use.used + (is_tokens and tokens or 1) - limit
    if over > 0 then
      refused = true
      -- What is merely reserved may come back at any moment.
      local wait = over > window.sum and SOON_MS or window_until_freed(window, over)
      waits[kind] = math.max(waits[kind], wait)
    end
  end
  if slots >= 0 and redis.call('ZCARD', KEYS[3 * i]) >= slots then
    refused = true
    waits[3] = SOON_MS
  end
  if refused then leases_shorten(leases, lease_ms) end
end
for j = 3 * n + 1, #KEYS do waits[4] = math.max(waits[4], seen_wait(KEYS[j], same, within_ms, now)) end

local function answer(outcome, wait, more_tokens, more_requests)
  local t, r = tightest(token_uses, more_tokens), tightest(request_uses, more_requests)
  return { outcome, math.ceil(wait), t[1], t[2], t[3], t[4], r[1], r[2], r[3], r[4] }
end

for outcome, wait in ipairs(waits) do
  if wait > 0 then return answer(outcome, math.max(unpack(waits)), 0, 0) end
end
for _, use in ipairs(request_uses) do window_add(use.window, 1) end
for _, leases in ipairs(held) do
  lease_hold(leases, member, tokens, lease_ms)
  account_save(leases.account)
end
for j = 3 * n + 1, #KEYS do seen_note(KEYS[j], same, within_ms, now) end
return answer(0, 0, tokens, 1)
