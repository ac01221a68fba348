/**
 * Stage 9: a fresh body, fresh headers, no query string, to the model server; its answer to `watch`.
 * Resolves when the request is over, having settled it; rejects with a refusal if nothing was sent yet.
 */
import type { Clock } from '../core/clock.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Ending, Reserved } from './exchange.ts'
import type { Courier, Outlet } from './outlet.ts'
import { createWatch } from './watch.ts'

export function createForward(courier: Courier, clock: Clock, metrics: Metrics) {
  return (
    { inspected, upstream }: Reserved,
    outlet: Outlet,
    settle: (ending: Ending) => Promise<void>,
    /** Work that may be done while the model server is busy. */
    meanwhile: () => void,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const { caller, endpoint, outgoing } = inspected.call
      const { departure, dialect, snapshot, traceparent, arrivedAtMs } = caller.arrival
      const forwardedAtMs = clock.monotonicMs()
      const interrupt = () => watch.interrupt(departure.refusal)
      const watch = createWatch({
        reader: outgoing.reader,
        dialect,
        outlet,
        sinceArrivalMs: () => clock.monotonicMs() - arrivedAtMs,
        settle,
        done(refusal) {
          departure.onEnd(undefined)
          metrics.upstreamSeconds.observe((clock.monotonicMs() - forwardedAtMs) / 1000)
          if (refusal) reject(refusal)
          else resolve()
        },
      })
      if (departure.over) return interrupt()
      departure.onEnd(interrupt)
      const { firstByteMs, idleMs } = snapshot.policy.timeouts
      const body = JSON.stringify(outgoing.body)
      const parcel = { upstream, path: endpoint.path, body, traceparent, firstByteMs, idleMs }
      watch.flow = courier.send(parcel, watch.receiver)
      meanwhile()
    })
}
