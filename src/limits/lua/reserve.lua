-- Sets tokens and a slot of every account aside for one request.
-- KEYS[2i - 1]  hash of account i   KEYS[2i]  its leases
-- KEYS[2n + j]  what must not come too often
-- ARGV[1]  lease   ARGV[2]  its tokens   ARGV[3]  ms it lasts   ARGV[4]  n, the number of accounts
-- ARGV[5]  how often the same thing may come   ARGV[6]  in how many ms
-- ARGV[5i + 2 .. 5i + 6]  of account i: scope, then requests a minute, tokens a minute, tokens a day, slots; -1 for
--          no limit
-- Returns  outcome (0 granted, 1 requests, 2 tokens, 3 concurrent, 4 repetition), ms to wait, then the tightest limit
--          of tokens and that of requests, each as `tightest` returns it

local lease, tokens, lease_ms, n = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local same, within_ms = tonumber(ARGV[5]), tonumber(ARGV[6])
local member = lease .. ':' .. ARGV[2]
local now = now_ms()
local request_uses, token_uses = {}, {}
local waits = { 0, 0, 0, 0 }

for i = 1, n do
  local hash, set = KEYS[2 * i - 1], KEYS[2 * i]
  local at = 5 * i + 2
  local scope, requests, slots = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 4])
  if requests >= 0 then
    local window = window_open(hash, 'r', MINUTE_STEP, now)
    request_uses[#request_uses + 1] = { scope = scope, limit = requests, used = window.sum, window = window }
    waits[1] = math.max(waits[1], window_until_freed(window, window.sum + 1 - requests))
  end
  leases_sweep(set, hash, now, lease_ms)
  local pending = tonumber(redis.call('HGET', hash, 'pending')) or 0
  for w, name in ipairs({ 'm', 'd' }) do
    local limit = tonumber(ARGV[at + 1 + w])
    if limit >= 0 then
      local window = window_open(hash, name, w == 1 and MINUTE_STEP or DAY_STEP, now)
      local used = window.sum + pending
      token_uses[#token_uses + 1] = { scope = scope, limit = limit, used = used, window = window }
      local over = used + tokens - limit
      -- What is merely reserved may come back at any moment.
      if over > window.sum then waits[2] = math.max(waits[2], SOON_MS)
      else waits[2] = math.max(waits[2], window_until_freed(window, over)) end
    end
  end
  if slots >= 0 and redis.call('ZCARD', set) >= slots then waits[3] = SOON_MS end
end
for j = 2 * n + 1, #KEYS do waits[4] = math.max(waits[4], seen_wait(KEYS[j], same, within_ms, now)) end

local function answer(outcome, wait, more_tokens, more_requests)
  local t, r = tightest(token_uses, more_tokens), tightest(request_uses, more_requests)
  return { outcome, math.ceil(wait), t[1], t[2], t[3], t[4], r[1], r[2], r[3], r[4] }
end

for outcome, wait in ipairs(waits) do
  if wait > 0 then return answer(outcome, math.max(unpack(waits)), 0, 0) end
end
for _, use in ipairs(request_uses) do window_add(use.window, 1) end
for i = 1, n do lease_hold(KEYS[2 * i], KEYS[2 * i - 1], member, tokens, now, lease_ms) end
for j = 2 * n + 1, #KEYS do seen_note(KEYS[j], same, within_ms, now) end
return answer(0, 0, tokens, 1)
