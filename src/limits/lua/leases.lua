-- Reservations of one account: a sorted set of `LEASE:TOKENS` by when each runs out, and in the account's hash the
-- sum of their tokens, `pending`.

-- A hostile or broken clock aside there are never many that ran out.
local AT_ONCE = 256

local function lease_drop(set, hash, members)
  for _, member in ipairs(members) do
    redis.call('ZREM', set, member)
    redis.call('HINCRBY', hash, 'pending', -tonumber(string.match(member, ':(%d+)$')))
  end
end

-- Forgets what ran out. What would last longer than a lease can was made by a clock that has gone back since.
local function leases_sweep(set, hash, now, lease_ms)
  lease_drop(set, hash, redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, AT_ONCE))
  local last = redis.call('ZRANGE', set, -1, -1, 'WITHSCORES')
  if last[2] and tonumber(last[2]) > now + lease_ms then
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. string.format('%.0f', now + lease_ms), '+inf')) do
      redis.call('ZADD', set, now + lease_ms, member)
    end
  end
end

local function lease_hold(set, hash, member, tokens, now, lease_ms)
  if redis.call('ZADD', set, now + lease_ms, member) == 1 and tokens > 0 then
    redis.call('HINCRBY', hash, 'pending', tokens)
    redis.call('PEXPIRE', hash, KEEP_MS)
  end
  redis.call('PEXPIRE', set, lease_ms * 2)
end
