-- Forgets what is over, and says so to the one who asked first.
-- KEYS[1]  hash: digest -> approval, JSON
-- Returns  what is over, JSON each

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local overs = {}
for _, each in ipairs(redis.call('HVALS', KEYS[1])) do
  local found = cjson.decode(each)
  if now >= found['until'] then
    redis.call('HDEL', KEYS[1], found.digest)
    overs[#overs + 1] = each
  end
end
return overs
