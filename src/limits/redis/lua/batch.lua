-- Carries out operations one after the other.
-- KEYS     of all of them, in their order
-- ARGV     of each: its number, until when it may be carried out (server time; 0: always), whether it follows the one in
--          front of it (1|0), how many keys and arguments it has, its arguments
-- Returns  what each returns, nothing for one that failed or followed one that did not answer 0, LATE for one that came
--          too late; behind them the time

-- Errors that say something of the server, and not of one account. Those concern everybody.
local SERVER = { 'READONLY', 'OOM', 'NOPERM', 'MISCONF', 'NOREPLICAS', 'MASTERDOWN', 'LOADING', 'CLUSTERDOWN' }

-- An account that cannot be counted (a key of the wrong type) must not keep others from being counted: it gets an
-- empty answer, which is none. Returns the answer, and the server's error if it has one.
local function carry_out(operation, keys, args)
  local done, answer = pcall(operation, keys, args)
  if done then return answer end
  local text = type(answer) == 'table' and answer.err or tostring(answer)
  for _, word in ipairs(SERVER) do
    local at = string.find(text, word, 1, true)
    if at then return {}, string.sub(text, at) end
  end
  return {}
end

-- Whoever asked has given up: what is counted now would be counted for nothing.
local LATE = { -1 }

local now = now_ms()
local answers = {}
local key_at, arg_at = 0, 1
while arg_at <= #ARGV do
  local operation, deadline = tonumber(ARGV[arg_at]), tonumber(ARGV[arg_at + 1])
  local follows = ARGV[arg_at + 2] == '1'
  local key_count, arg_count = tonumber(ARGV[arg_at + 3]), tonumber(ARGV[arg_at + 4])
  local keys, args = {}, {}
  for i = 1, key_count do keys[i] = KEYS[key_at + i] end
  for i = 1, arg_count do args[i] = ARGV[arg_at + 4 + i] end
  key_at, arg_at = key_at + key_count, arg_at + 5 + arg_count
  if deadline > 0 and now > deadline then
    answers[#answers + 1] = LATE
  elseif follows and answers[#answers][1] ~= 0 then
    answers[#answers + 1] = {}
  else
    local answer, failure = carry_out(operations[operation], keys, args)
    if failure then return redis.error_reply(failure) end
    answers[#answers + 1] = answer
  end
end
answers[#answers + 1] = { now }
return answers
