-- Takes the yes to a call, if there is one; else puts the question.
-- KEYS[1]  hash: digest -> approval, JSON
-- ARGV[1]  the approval without its times, JSON   ARGV[2]  ms a question holds, -1: do not ask
-- ARGV[3]  most questions in all   ARGV[4]  most of one key
-- Returns  { passed | denied | pending | asked | gone | full, the approval or '', what was over or '' }

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wanted = cjson.decode(ARGV[1])
local valid = tonumber(ARGV[2])
local known = redis.call('HGET', KEYS[1], wanted.digest)
local over = ''

if known then
  local found = cjson.decode(known)
  if now < found['until'] then
    if found.state ~= 'approved' then return { found.state, known, '' } end
    redis.call('HDEL', KEYS[1], wanted.digest)
    return { 'passed', known, '' }
  end
  redis.call('HDEL', KEYS[1], wanted.digest)
  over = known
end
if valid < 0 then return { 'gone', '', over } end

local all, own = redis.call('HVALS', KEYS[1]), 0
for _, each in ipairs(all) do
  if cjson.decode(each).holder == wanted.holder then own = own + 1 end
end
if #all >= tonumber(ARGV[3]) or own >= tonumber(ARGV[4]) then return { 'full', '', over } end
wanted.asked = now
wanted['until'] = now + valid
local asked = cjson.encode(wanted)
redis.call('HSET', KEYS[1], wanted.digest, asked)
return { 'asked', asked, over }
