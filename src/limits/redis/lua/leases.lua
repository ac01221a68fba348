-- Reservations of one account: a sorted set of `LEASE:TOKENS` by when each runs out, and in the account the sum of
-- their tokens, `pending`.

-- A hostile or broken clock aside there are never many that ran out.
local AT_ONCE = 256

-- Of an account that was opened with the field `pending`.
local function leases_of(account, set)
  return { account = account, set = set, now = account.now, pending = tonumber(account.values.pending) or 0 }
end

-- Forgets those that ran out. Where there are none, none of their tokens is pending, whatever became of the set.
local function leases_sweep(l)
  local first = redis.call('ZRANGE', l.set, 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) > l.now or not first[2] and l.pending == 0 then return end
  if not first[2] then l.pending = 0 end
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', l.set, '-inf', l.now, 'LIMIT', 0, AT_ONCE)) do
    redis.call('ZREM', l.set, member)
    l.pending = l.pending - tonumber(string.match(member, ':(%d+)$'))
  end
  redis.call('HSET', l.account.key, 'pending', whole(l.pending))
end

-- What would last longer than a lease can was made by a clock that has gone back since.
local function leases_shorten(l, lease_ms)
  local latest = whole(l.now + lease_ms)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', l.set, '(' .. latest, '+inf')) do
    redis.call('ZADD', l.set, latest, member)
  end
end

local function lease_hold(l, member, tokens, lease_ms)
  if redis.call('ZADD', l.set, whole(l.now + lease_ms), member) == 1 and tokens > 0 then
    l.pending = l.pending + tokens
    account_set(l.account, 'pending', whole(l.pending))
  end
  redis.call('PEXPIRE', l.set, KEEP_MS)
end

-- Returns whether it was held.
local function lease_release(l, member, tokens)
  if redis.call('ZREM', l.set, member) == 0 then return false end
  if tokens > 0 then account_set(l.account, 'pending', whole(l.pending - tokens)) end
  return true
end
