/** A Redis that anyone may ask, that forgets counters, or that loses shared keys. */
import type { Check, RedisFacts } from '../facts.ts'
import type { Outcome } from '../finding.ts'

/** Judges the Redis of the policy. */
export const redis: Check = ({ redis: facts, policy: { keysInRedis } }) => {
  if (facts === undefined) return []
  if ('why' in facts) return [{ id: 'redis', why: facts.why }]
  return [
    ...openRedis(facts.value),
    ...evictingRedis(facts.value),
    ...forgetfulRedis(facts.value, keysInRedis),
  ]
}

function openRedis({ isOpen, isLoopback }: RedisFacts): Outcome[] {
  if (!isOpen) return []
  return [
    {
      id: 'redis-password',
      severity: isLoopback ? 'medium' : 'high',
      what: 'Redis answers without a password.',
      why: 'Whoever reaches it resets limits, lifts freezes and reads pending approvals.',
      fix: 'Set `requirepass` (or an ACL user) in redis.conf, restart Redis, and put the URL with the password into a file that `store.redis` takes from it (`file:` variable).',
    },
  ]
}

function evictingRedis({ evictionPolicy }: RedisFacts): Outcome[] {
  if (evictionPolicy === undefined)
    return [{ id: 'redis-eviction', why: 'this Redis does not tell its `maxmemory-policy`' }]
  if (evictionPolicy === 'noeviction') return []
  return [
    {
      id: 'redis-eviction',
      severity: 'medium',
      what: `Redis evicts keys when its memory is full (maxmemory-policy ${evictionPolicy}).`,
      why: 'Counters, breakers and freezes are then forgotten, and limits count from zero.',
      fix: '`redis-cli CONFIG SET maxmemory-policy noeviction`, and `maxmemory-policy noeviction` in redis.conf.',
    },
  ]
}

function forgetfulRedis({ isPersistent }: RedisFacts, keysInRedis: boolean): Outcome[] {
  if (!keysInRedis || isPersistent === true) return []
  if (isPersistent === undefined)
    return [{ id: 'redis-persistence', why: 'this Redis does not tell whether it writes to disk' }]
  return [
    {
      id: 'redis-persistence',
      severity: 'low',
      what: 'Redis holds the keys (`keys.redis`) and writes nothing to disk.',
      why: 'After a restart the keys come back only from the files of gateways that are still there.',
      fix: '`redis-cli CONFIG SET appendonly yes`, and `appendonly yes` in redis.conf.',
    },
  ]
}
