/** Counts failed logins by network, for all processes of a gateway. */
import rateLimit from '@fastify/rate-limit'
import { type FastifyRequest, fastify } from 'fastify'
import type { CountFailure } from '../../workers/shared.ts'

const windowMs = 60_000
/** Networks that are remembered, those that failed last. */
const maxNetworks = 10_000

/** Starts with no failures. @param max failures of one network in a minute */
export async function createFailureCounter(max: () => number): Promise<CountFailure> {
  // Never listens: the limiter exists only as a plugin.
  const app = fastify({ logger: false })
  await app.register(rateLimit, {
    global: false,
    max,
    timeWindow: windowMs,
    cache: maxNetworks,
    keyGenerator: ({ ip }) => ip,
  })
  const count = app.createRateLimit()
  return async (network) => {
    // A cast: the limiter reads only these two members, the key and the settings of the route.
    const state = await count({ ip: network, routeOptions: {} } as FastifyRequest)
    return !state.isAllowed && state.isExceeded ? Math.max(1, state.ttl) : 0
  }
}
