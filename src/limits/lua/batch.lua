-- Carries out operations one after the other.
-- KEYS     of all of them, in their order
-- ARGV     of each: its number, how many keys and arguments it has, its arguments
-- Returns  what each returns

local answers = {}
local key_at, arg_at = 0, 1
while arg_at <= #ARGV do
  local operation, key_count, arg_count = tonumber(ARGV[arg_at]), tonumber(ARGV[arg_at + 1]), tonumber(ARGV[arg_at + 2])
  local keys, args = {}, {}
  for i = 1, key_count do keys[i] = KEYS[key_at + i] end
  for i = 1, arg_count do args[i] = ARGV[arg_at + 2 + i] end
  key_at, arg_at = key_at + key_count, arg_at + 3 + arg_count
  answers[#answers + 1] = operations[operation](keys, args)
end
return answers
