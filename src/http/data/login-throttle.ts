/**
 * Throttles the guessing of keys: counts failed logins by network. A valid credential is never held up, because the
 * throttle is asked only after one was refused.
 */
import type { FastifyRequest } from 'fastify'
import { networkOf } from '../../core/peer.ts'
import { Refusal } from '../../core/refusal.ts'
import { wholeSeconds } from '../../pipeline/request/admit.ts'
import type { Policy } from '../../policy/policy.ts'
import type { CountFailure } from '../../workers/shared.ts'
import { clientAddressOf } from './connections.ts'

/** Counts failed logins. */
export interface LoginThrottle {
  /** Counts one failure. @throws Refusal `rate_limited` above `door.failuresPerMinute` */
  recordFailure(request: Pick<FastifyRequest, 'raw'>): Promise<void>
}

/** Creates the throttle. @param door returns the policy in force for connections */
export function createLoginThrottle(count: CountFailure, door: () => Policy['door']): LoginThrottle {
  return {
    async recordFailure({ raw }) {
      const waitMs = await count(networkOf(clientAddressOf(raw, door())))
      if (waitMs > 0)
        throw new Refusal('rate_limited', {
          say: 'Too many failed logins from this address. Try again later.',
          retryAfterSeconds: wholeSeconds(waitMs),
        })
    },
  }
}
