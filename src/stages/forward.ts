/**
 * Stage 9: a fresh body, fresh headers, no query string, to a model server that has room; its answer to `watch`.
 * If a server cannot be reached, or fails before anything of its answer was seen, the next one is asked.
 * Resolves when the request is over, having settled it; rejects with a refusal if nothing was sent yet.
 */
import type { Clock } from '../core/clock.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Upstream } from '../policy/policy.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Fleet, Seat, Target } from '../upstreams/fleet.ts'
import { type Call, type Course, type Ending, nothingSaid, type Reserved } from './exchange.ts'
import type { KeptAnswers } from './kept.ts'
import type { Courier, Outlet } from './outlet.ts'
import { promptTokens } from './reserve.ts'
import { createWatch } from './watch.ts'

export interface Forwarding {
  readonly outlet: Outlet
  readonly course: Course
  settle(ending: Ending): Promise<void>
  /** Work that may be done while the model server is busy; called once. */
  meanwhile(): void
}

export interface ForwardParts {
  readonly fleet: Fleet
  readonly courier: Courier
  readonly kept: KeptAnswers
  readonly clock: Clock
  readonly metrics: Metrics
}

export function createForward({ fleet, courier, kept, clock, metrics }: ForwardParts) {
  return async ({ inspected }: Reserved, forwarding: Forwarding): Promise<void> => {
    const { call } = inspected
    const { target } = call
    if (call.endpoint.answer) return answerItself(call, call.endpoint.answer, forwarding)
    const tried = new Set<Upstream>()
    for (;;) {
      const seat = await takeSeat(call, target, tried, forwarding)
      try {
        const failure = await attempt(call, seat, forwarding)
        if (failure === undefined) return
        tried.add(seat.upstream)
        if (!failure.elsewhere || tried.size >= target.upstreams.length) throw failure.refusal
      } finally {
        seat.release()
      }
    }
  }

  async function takeSeat(
    { caller }: Call,
    target: Target,
    tried: ReadonlySet<Upstream>,
    { course }: Forwarding,
  ): Promise<Seat> {
    const { arrival, identity } = caller
    const { departure, snapshot } = arrival
    const { queue } = snapshot.policy
    const onLeave = departure.onEnd.bind(departure)
    const waitedMs = course.seat?.queuedMs ?? 0
    try {
      const wish = { target, tried, owner: identity.id, queue, left: () => departure.over, onLeave }
      const seat = await fleet.seat(wish)
      course.seat = { ...seat, queuedMs: seat.queuedMs + waitedMs }
      return seat
    } catch (thrown) {
      throw departure.refusal ?? thrown
    }
  }

  /** Resolves with nothing if the request is over, else with why this server did not do it. */
  function attempt(
    { caller, endpoint, outgoing, prompt }: Call,
    { upstream }: Seat,
    { outlet, settle, meanwhile }: Forwarding,
  ): Promise<{ refusal: Refusal; elsewhere: boolean } | undefined> {
    return new Promise((resolve) => {
      const { departure, dialect, id, snapshot, traceparent, arrivedAtMs } = caller.arrival
      const forwardedAtMs = clock.monotonicMs()
      const interrupt = () => watch.interrupt(departure.refusal)
      const watch = createWatch({
        reader: outgoing.reader,
        dialect,
        id,
        outlet,
        sinceArrivalMs: () => clock.monotonicMs() - arrivedAtMs,
        settle,
        done(refusal, untouched = false) {
          departure.onEnd(undefined)
          metrics.upstreamSeconds.observe((clock.monotonicMs() - forwardedAtMs) / 1000)
          const unable = refusal?.code === 'upstream_failed' || refusal?.code === 'upstream_unavailable'
          if (!departure.over) fleet.tell(upstream, !unable)
          if (endpoint.group === 'admin') fleet.forget(upstream)
          const { keptAs } = outgoing.reader
          if (!refusal && keptAs !== undefined && upstream.kind !== 'ollama')
            kept.note(caller.identity.id, keptAs, upstream)
          resolve(refusal && { refusal, elsewhere: unable && untouched && !departure.over })
        },
      })
      if (departure.over) return interrupt()
      departure.onEnd(interrupt)
      const { firstByteMs, idleMs } = snapshot.policy.timeouts
      watch.flow = courier.send(
        {
          upstream,
          method: endpoint.method,
          path: endpoint.target ?? endpoint.path,
          body: outgoing.body,
          file: prompt.file,
          traceparent,
          firstByteMs,
          idleMs,
        },
        watch.receiver,
      )
      meanwhile()
    })
  }
}

/** What no model is asked for. */
async function answerItself(
  call: Call,
  answer: NonNullable<Call['endpoint']['answer']>,
  { outlet, settle }: Forwarding,
): Promise<void> {
  await settle({ kind: 'answered', answer: nothingSaid })
  outlet.begin(200, 'application/json')
  outlet.end(JSON.stringify(answer(promptTokens(call.prompt))))
}
