/**
 * `GET /` and `HEAD /`: start-up probes of several clients, some of which send no credential. The gate answers
 * itself, and names the server behind it only to those who may use it.
 */
import type { FastifyInstance } from 'fastify'
import { asRefusal } from '../core/refusal.ts'
import type { Dialect, Greeting } from '../dialects/dialect.ts'
import type { Answer, Arrival, Caller } from '../stages/exchange.ts'
import type { Gate } from '../stages/gate.ts'
import type { Settle } from '../stages/settle.ts'
import type { Reception } from './visit.ts'

const ownName = 'Torwart'
const greeted: Answer = { status: 200, text: '', toolCalls: [], usage: undefined, firstByteMs: undefined }

export interface GreetingParts {
  readonly reception: Reception
  readonly gate: Gate
  readonly settle: Settle
  identify(arrival: Arrival): Caller
}

export function registerGreeting(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Greeting,
  { reception, gate, settle, identify }: GreetingParts,
): void {
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    handler: async (request, reply) => {
      reply.hijack()
      const { course, outlet } = reception.receive(request, reply, dialect, endpoint.path)
      try {
        const caller = known(course.arrival, identify)
        if (caller) course.caller = caller
        const mayUse = caller?.role.routes.has(endpoint.group) ?? false
        await settle(course, { kind: 'answered', answer: greeted })
        outlet.begin(200, 'text/plain; charset=utf-8')
        outlet.end(mayUse ? endpoint.text : ownName)
      } catch (thrown) {
        // A credential that is wrong is refused here too, or `/` would be the place to try them.
        await outlet.failedLogin().then(
          () => gate.refuse(course, thrown, outlet),
          (held: unknown) => gate.refuse(course, held, outlet),
        )
      }
    },
  })
}

/** Undefined: no credential was shown, which is fine here. @throws Refusal for a wrong one */
function known(arrival: Arrival, identify: (arrival: Arrival) => Caller): Caller | undefined {
  try {
    return identify(arrival)
  } catch (thrown) {
    if (asRefusal(thrown).detail === 'credential: missing') return undefined
    throw thrown
  }
}
