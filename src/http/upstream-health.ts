/**
 * Whether the model servers answer, asked when somebody wants to know and not more than once in two seconds.
 * Any answer below 500 counts: LocalAI redirects `/`, a keyed server says 401.
 */
import type { Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import type { Policy, Upstream } from '../policy/policy.ts'
import type { Couriers } from './courier.ts'

export interface UpstreamHealth {
  check(): Promise<readonly { readonly name: string; readonly up: boolean }[]>
}

const askWithinMs = 1000
const freshMs = 2000

function answerOf(courier: Couriers, origin: string): Promise<Dispatcher.ResponseData> {
  const signal = AbortSignal.timeout(askWithinMs)
  return new Promise((resolve, reject) => {
    courier.request({ origin, path: '/', method: 'GET', signal }, (error, data) =>
      error ? reject(error) : resolve(data),
    )
  })
}

export function createUpstreamHealth(current: () => Policy, courier: Couriers, clock: Clock): UpstreamHealth {
  let asked: Promise<{ name: string; up: boolean }[]> | undefined
  let askedAtMs = Number.NEGATIVE_INFINITY

  const ask = async ({ name, origin }: Upstream) => {
    try {
      const { statusCode, body } = await answerOf(courier, origin)
      await body.dump()
      return { name, up: statusCode < 500 }
    } catch {
      return { name, up: false }
    }
  }

  return {
    check() {
      if (asked && clock.monotonicMs() - askedAtMs < freshMs) return asked
      askedAtMs = clock.monotonicMs()
      asked = Promise.all(current().upstreams.map(ask))
      return asked
    },
  }
}
