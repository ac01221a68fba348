/**
 * The door counts answers 401 by address, so that nobody guesses keys at leisure. A valid credential is never
 * held up by it: it is asked only after one was refused.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../core/refusal.ts'
import { networkOf, peerOf } from './connections.ts'

export interface Door {
  /** Counts one failure. @throws Refusal `rate_limited` past `door.failuresPerMinute` */
  knockedInVain(request: FastifyRequest): Promise<void>
}

export async function createDoor(app: FastifyInstance, failuresPerMinute: () => number): Promise<Door> {
  await app.register(rateLimit, {
    global: false,
    max: () => failuresPerMinute(),
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: (request) => networkOf(peerOf(request.socket.remoteAddress)),
  })
  const count = app.createRateLimit()
  return {
    async knockedInVain(request) {
      const state = await count(request)
      if (!state.isAllowed && state.isExceeded)
        throw new Refusal('rate_limited', {
          say: 'Too many failed logins from this address.',
          retryAfterSeconds: Math.max(1, state.ttlInSeconds),
        })
    },
  }
}
