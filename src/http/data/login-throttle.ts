/**
 * Throttles the guessing of keys: counts failed logins by network. A valid credential is never held up, because the
 * throttle is asked only after one was refused.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { networkOf } from '../../core/peer.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Policy } from '../../policy/policy.ts'
import { clientAddressOf } from './connections.ts'

/** Counts failed logins. */
export interface LoginThrottle {
  /** Counts one failure. @throws Refusal `rate_limited` above `door.failuresPerMinute` */
  recordFailure(request: FastifyRequest): Promise<void>
}

/** Creates the throttle. @param door returns the policy in force for connections */
export async function createLoginThrottle(
  app: FastifyInstance,
  door: () => Policy['door'],
): Promise<LoginThrottle> {
  await app.register(rateLimit, {
    global: false,
    max: () => door().failuresPerMinute,
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: (request) => networkOf(clientAddressOf(request.raw, door())),
  })
  const count = app.createRateLimit()
  return {
    async recordFailure(request) {
      const state = await count(request)
      if (!state.isAllowed && state.isExceeded)
        throw new Refusal('rate_limited', {
          say: 'Too many failed logins from this address. Try again later.',
          retryAfterSeconds: Math.max(1, state.ttlInSeconds),
        })
    },
  }
}
