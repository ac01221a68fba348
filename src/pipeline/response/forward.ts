/**
 * Stage 9: a fresh body, fresh headers, no query string, to a model server that has room; its answer to `watch`.
 * If a server cannot be reached, or fails before anything of its answer was seen, the next one is asked.
 * Resolves when the request is over, having settled it; rejects with a refusal if nothing was sent yet.
 */

import { holderOf } from '../../auth/identity.ts'
import type { Clock } from '../../core/clock.ts'
import type { Refusal, RefusalCode } from '../../core/refusal.ts'
import type { JudgeCall } from '../../dialects/common/call-verdict.ts'
import { type OutputFilter, passThrough } from '../../dialects/common/output-filter.ts'
import type { RouteGroup } from '../../dialects/dialect.ts'
import type { Upstream } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Fleet, Slot } from '../../upstreams/fleet.ts'
import type { Verdict } from '../../upstreams/health.ts'
import type { Cancellation } from '../cancellation.ts'
import {
  type Answer,
  type AnswerGuard,
  type Call,
  type Ending,
  type Guarded,
  type Inspected,
  nothingSaid,
  type RequestContext,
} from '../context.ts'
import { labelsOf } from '../labels.ts'
import type { ResponseWriter, UpstreamClient } from '../ports.ts'
import { promptTokens } from '../request/reserve.ts'
import { type KeptAnswers, ownerOf } from '../stored-responses.ts'
import { createWatch } from './relay.ts'
import type { Outcome } from './relay-types.ts'
import { judgeTexts } from './tool-calls-in-text.ts'

export interface Forwarding {
  readonly writer: ResponseWriter
  readonly context: RequestContext
  /** Judges an answer with tool calls. @returns what the client gets instead, if anything */
  conclude(answer: Answer): Promise<Refusal | undefined>
  settle(ending: Ending): Promise<void>
  /** Work that may be done while the model server is busy; called for every server that is asked. */
  meanwhile(): void
}

export interface ForwardParts {
  guardAnswer(call: Guarded): AnswerGuard | undefined
  /** Who judges the tool calls of the answer to this call, if anybody. */
  readonly judgeCallsOf?: (call: Call) => JudgeCall | undefined
  readonly fleet: Fleet
  readonly upstreamClient: UpstreamClient
  readonly kept: KeptAnswers
  readonly clock: Clock
  readonly metrics: Metrics
}

export function createForward(parts: ForwardParts) {
  const { guardAnswer, judgeCallsOf, fleet, upstreamClient, kept, clock, metrics } = parts

  return async ({ call }: Inspected, forwarding: Forwarding): Promise<void> => {
    if (call.endpoint.answer) return answerItself(call, call.endpoint.answer, forwarding)
    if (speaks.has(call.endpoint.group)) forwarding.context.output = guardAnswer(call)
    const judge = judgeCallsOf?.(call)
    const tried = new Set<Upstream>()
    for (;;) {
      const slot = await takeSeat(call, tried, forwarding)
      tried.add(slot.upstream)
      try {
        forwarding.context.work = undefined
        const outcome = await attempt(call, slot, forwarding, judge)
        if (outcome.refusal === undefined || outcome.told) return
        const over = call.caller.incoming.cancellation.over || tried.size >= call.target.upstreams.length
        if (over || !isElsewhereWorth(outcome)) throw outcome.refusal
      } finally {
        slot.release()
      }
    }
  }

  async function takeSeat(
    { caller, target }: Call,
    tried: ReadonlySet<Upstream>,
    { context }: Forwarding,
  ): Promise<Slot> {
    const { incoming, identity } = caller
    const { cancellation, snapshot } = incoming
    const { queue } = snapshot.policy
    const onLeave = cancellation.onEnd.bind(cancellation)
    const sinceMs = clock.monotonicMs()
    try {
      const wish = { target, tried, owner: holderOf(identity), queue, left: () => cancellation.over, onLeave }
      const slot = await fleet.slot(wish)
      context.upstream = slot.upstream
      return slot
    } catch (thrown) {
      throw cancellation.refusal ?? thrown
    } finally {
      context.queuedMs = (context.queuedMs ?? 0) + clock.monotonicMs() - sinceMs
    }
  }

  function attempt(
    { caller, endpoint, outgoing, prompt, model, judged }: Call,
    { upstream, release }: Slot,
    { writer, context, conclude, settle, meanwhile }: Forwarding,
    judge: JudgeCall | undefined,
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      const { cancellation, dialect, id, snapshot, trace, arrivedAtMs } = caller.incoming
      const forwardedAtMs = clock.monotonicMs()
      let firstAtMs: number | undefined
      let servedAtMs: number | undefined
      const { firstByteMs, serverSilenceMs, keepAliveMs } = snapshot.policy.timeouts
      const interrupt = () => watch.interrupt(cancellation.refusal)
      const watch = createWatch({
        reader: outgoing.reader,
        passage: passageOf(context.output, judge),
        judge,
        streams: prompt.stream,
        keepAliveMs,
        dialect,
        id,
        writer,
        hold: (bytes) => caller.incoming.hold.answer(bytes),
        sinceArrivalMs: () => clock.monotonicMs() - arrivedAtMs,
        holdsCalls: caller.role.limits.repetition !== undefined,
        conclude,
        waited: (ms) => metrics.approvalSeconds.observe(ms / 1000),
        served() {
          servedAtMs ??= clock.monotonicMs()
          release()
        },
        settle(ending) {
          context.output?.finish()
          return settle(ending)
        },
        done(outcome) {
          cancellation.onEnd(undefined)
          const ms = (servedAtMs ?? clock.monotonicMs()) - forwardedAtMs
          metrics.upstreamSeconds.observe(labelsOf(context), ms / 1000)
          const verdict = verdictOn(outcome, cancellation)
          if (verdict) fleet.tell(upstream, verdict, (firstAtMs ?? clock.monotonicMs()) - forwardedAtMs)
          if (endpoint.group === 'admin') fleet.forget(upstream)
          const { storedId: keptAs } = outgoing.reader
          // What the server keeps must be what the client got: a stopped call would be in it.
          const isWhole = !outcome.refusal && judged.stopped.length === 0
          if (isWhole && keptAs !== undefined && upstream.kind !== 'ollama')
            kept.note(ownerOf(caller), keptAs, { upstream: upstream.name, model })
          resolve(outcome)
        },
      })
      if (cancellation.over) return interrupt()
      context.work = () => ({
        answer: watch.answer,
        carried: watch.carried,
        status: watch.answered,
        ms: (servedAtMs ?? clock.monotonicMs()) - forwardedAtMs,
      })
      cancellation.onEnd(interrupt)
      watch.flow = upstreamClient.send(
        {
          upstream,
          method: endpoint.method,
          path: outgoing.serverPath ?? endpoint.serverPath ?? endpoint.path,
          body: outgoing.body,
          file: prompt.file,
          uploadStream: prompt.uploadStream,
          traceparent: trace.onward,
          // Nobody can tell a model that writes a whole answer from one that hangs: `timeouts.total` ends both.
          firstByteMs: prompt.stream ? firstByteMs : 0,
          silenceMs: prompt.stream ? serverSilenceMs : 0,
        },
        {
          ...watch.receiver,
          head(status, header) {
            firstAtMs ??= clock.monotonicMs()
            watch.receiver.head(status, header)
          },
        },
      )
      meanwhile()
    })
  }
}

function passageOf(guard: AnswerGuard | undefined, judge: JudgeCall | undefined): OutputFilter {
  const passage = guard?.passage ?? passThrough
  return judge ? judgeTexts(passage, judge) : passage
}

/** Where something answers that could say what it must not; numbers and progress cannot. */
const speaks: ReadonlySet<RouteGroup> = new Set([
  'chat',
  'completions',
  'audio',
  'images',
  'rerank',
  'tokenize',
  'moderations',
])

const faults: ReadonlySet<RefusalCode> = new Set([
  'upstream_failed',
  'upstream_unavailable',
  'upstream_timeout',
])

/** What an attempt tells of its model server, if anything. */
function verdictOn(outcome: Outcome, { over, refusal: ended }: Cancellation): Verdict | undefined {
  const { refusal, status, blame } = outcome
  if (refusal === undefined) return status > 0 && status < 300 ? 'answered' : undefined
  // Where only `timeouts.total` ends what hangs, no more is known than that it took too long.
  if (over) return ended?.code === 'upstream_timeout' ? 'failed' : undefined
  if (isNotTaken(outcome)) return 'unreachable'
  const said = blame === 'failure' && (status < 300 || status >= 500)
  return said && faults.has(refusal.code) ? 'failed' : undefined
}

/** It did not answer, or said that it cannot; anything else may be the request's fault, and another would say it too. */
function isNotTaken({ refusal, status, blame }: Outcome): boolean {
  if (refusal === undefined || !faults.has(refusal.code)) return false
  return status === 502 || status === 503 || (status < 300 && blame === 'connection')
}

/** Before anything of an answer was seen, and not after a whole timeout: that one has worked on it, and time is short. */
function isElsewhereWorth(outcome: Outcome): boolean {
  const begun = outcome.status !== 0 && outcome.status < 300
  return isNotTaken(outcome) && !begun && outcome.refusal?.code !== 'upstream_timeout'
}

/** What no model is asked for. */
async function answerItself(
  call: Call,
  answer: NonNullable<Call['endpoint']['answer']>,
  { writer, settle }: Forwarding,
): Promise<void> {
  await settle({ kind: 'answered', answer: nothingSaid })
  writer.begin(200, 'application/json')
  writer.end(JSON.stringify(answer(promptTokens(call.prompt))))
}
