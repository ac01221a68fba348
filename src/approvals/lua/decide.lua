-- A human's answer to a question that is still open, told to every gateway.
-- KEYS[1]  hash: digest -> approval, JSON
-- ARGV[1]  channel   ARGV[2]  id   ARGV[3]  approved | denied   ARGV[4]  by   ARGV[5]  why, or ''
-- Returns  { done | unknown | decided, the approval or '' }

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, each in ipairs(redis.call('HVALS', KEYS[1])) do
  local found = cjson.decode(each)
  if found.id == ARGV[2] and now < found['until'] then
    if found.state ~= 'pending' then return { 'decided', '' } end
    found.state, found.by = ARGV[3], ARGV[4]
    if ARGV[5] ~= '' then found.why = ARGV[5] end
    local decided = cjson.encode(found)
    redis.call('HSET', KEYS[1], found.digest, decided)
    redis.call('PUBLISH', ARGV[1], ARGV[2])
    return { 'done', decided }
  end
end
return { 'unknown', '' }
