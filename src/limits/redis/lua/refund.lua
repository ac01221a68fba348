-- Takes back one request that was counted and never let through to a model.
-- KEYS[2i - 1]  hash of account i   KEYS[2i]  its steps
-- ARGV[1]  when it was counted, in server time   ARGV[1 + i]  name of the window of account i
-- Returns  how many accounts still counted it

local at, now, taken = tonumber(ARGV[1]), now_ms(), 0
for i = 1, #KEYS / 2 do
  local account = account_open(KEYS[2 * i - 1], KEYS[2 * i], { ARGV[1 + i] }, {}, now)
  if window_take_back(account.windows[ARGV[1 + i]], at) then taken = taken + 1 end
  account_save(account)
end
return { taken }
