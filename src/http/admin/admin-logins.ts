/**
 * Failed logins at the admin listener: recorded, logged, counted, and throttled together with those of the data listener.
 * A request without a credential guesses nothing, so it is only counted.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { networkOf } from '../../core/peer.ts'
import { Refusal } from '../../core/refusal.ts'
import type { LoginFailures } from '../../pipeline/finish/login-failures.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { createSparing } from '../../telemetry/sparing.ts'
import { clientAddressOf } from '../data/connections.ts'
import type { LoginThrottle } from '../data/login-throttle.ts'

/** Why a login failed; also the label of the metric. */
export type AdminLoginFailure =
  | 'admin token missing'
  | 'admin token wrong'
  | 'approver key refused'
  | 'console sign-in refused'
  | 'console link refused'

/** Answers failed logins. */
export interface AdminLogins {
  /** Records the failure, and answers 401, or 429 above `door.failuresPerMinute`. */
  refuse(request: FastifyRequest, reply: FastifyReply, fault: AdminLoginFailure): Promise<FastifyReply>
}

/** What the failed logins need. */
export interface AdminLoginsParts {
  door(): Policy['door']
  readonly loginThrottle: LoginThrottle
  readonly loginFailures: LoginFailures
  readonly metrics: Metrics
  readonly log: Log
  readonly mayTellOf: ReturnType<typeof createSparing>
  recordEvent(event: string, details: object): void
}

const messages: Readonly<Record<AdminLoginFailure, string>> = {
  'admin token missing': 'The admin token is missing or wrong.',
  'admin token wrong': 'The admin token is missing or wrong.',
  'approver key refused': 'The key is invalid.',
  'console sign-in refused': 'This is no admin token, and no key of an approver or viewer.',
  'console link refused': 'This link has been used already, or its ten minutes are over.',
}

/** Creates what answers failed logins. */
export function createAdminLogins(parts: AdminLoginsParts): AdminLogins {
  const { door, loginThrottle, loginFailures, metrics, log, mayTellOf, recordEvent } = parts
  const recordFailure = (reason: AdminLoginFailure, peer: string, route: string) => {
    if (mayTellOf(`${reason} ${networkOf(peer)}`))
      log.warn({ reason, peer, route }, 'a credential was refused at the admin listener')
    if (loginFailures.recordsAlone(peer, 'login')) recordEvent('admin login refused', { reason, peer, route })
  }
  return {
    async refuse(request, reply, fault) {
      metrics.adminLoginFailures.inc({ reason: fault })
      if (fault !== 'admin token missing') {
        recordFailure(fault, clientAddressOf(request.raw, door()), request.routeOptions.url ?? 'none')
        try {
          await loginThrottle.recordFailure(request)
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          reply.header('retry-after', String(error.retryAfterSeconds ?? 1))
          return reply.code(error.status).send({ error: error.say })
        }
      }
      return reply.code(401).send({ error: messages[fault] })
    },
  }
}
