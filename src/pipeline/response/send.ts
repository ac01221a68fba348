/**
 * A fresh body, fresh headers, no query string, to a model server that has room. If that cannot be reached, or
 * fails before anything of its response was seen, the next one is tried (`mayTryNext`).
 */
import { holderOf } from '../../auth/identity.ts'
import type { Clock } from '../../core/clock.ts'
import { Refusal, type RefusalCode } from '../../core/refusal.ts'
import type { JudgeCall } from '../../dialects/common/call-verdict.ts'
import { type OutputFilter, passThrough } from '../../dialects/common/output-filter.ts'
import type { DriftWatch } from '../../model-trust/drift-watch.ts'
import type { Upstream } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Fleet, Slot } from '../../upstreams/fleet.ts'
import type { Verdict } from '../../upstreams/health.ts'
import { extend, type Guarded, type Sent } from '../context.ts'
import type { ModelResponse, Work } from '../ending.ts'
import type { ResponseGuard } from '../findings.ts'
import { labelsOf } from '../labels.ts'
import type { ResponseWriter, UpstreamClient, UpstreamRequest } from '../ports.ts'
import { ownerOf, type StoredResponses } from '../stored-responses.ts'
import { type Part, shownWaitMs } from '../timeline.ts'
import type { JudgeCallsOf } from './judge-tool-calls.ts'
import { Relay } from './relay.ts'
import type { RelayOutcome } from './relay-types.ts'
import { judgeTexts } from './tool-calls-in-text.ts'

/** What it takes to send requests. */
export interface SendParts {
  readonly judgeCallsOf: JudgeCallsOf
  readonly fleet: Pick<Fleet, 'slot' | 'tell' | 'forget'>
  readonly models: Pick<DriftWatch, 'answered'>
  readonly upstreamClient: UpstreamClient
  readonly stored: StoredResponses
  readonly clock: Clock
  readonly metrics: Metrics
}

/** The model servers that one request was brought to. */
export class Tries {
  readonly upstreams = new Set<Upstream>()
  /** How long it waited for a place at them, together. */
  waitMs = 0
}

/**
 * Waits for a model server that has room and was not tried, and sends the request. The response is on its way to
 * `Attempt.relay` when this resolves.
 * @throws Refusal `queue_full` or its like; what ended the request while it waited
 */
export type Send = (request: Guarded, tries: Tries, writer: ResponseWriter) => Promise<Attempt>

/** Makes the step that sends requests. */
export function createSend(parts: SendParts): Send {
  return async (request, tries, writer) => {
    const slot = await slotFor(request, tries, parts)
    tries.upstreams.add(slot.upstream)
    const sent = extend(request, { upstream: slot.upstream, upstreamWaitMs: tries.waitMs, work: undefined })
    const attempt = new Attempt(sent, slot, writer, parts)
    try {
      attempt.send()
      return attempt
    } catch (fault) {
      slot.release()
      throw fault
    }
  }
}

async function slotFor(request: Guarded, tries: Tries, { fleet, clock }: SendParts): Promise<Slot> {
  const { target, identity, cancellation, policy } = request
  const sinceMs = clock.monotonicMs()
  try {
    return await fleet.slot({
      target,
      tried: tries.upstreams,
      owner: holderOf(identity),
      queue: policy.queue,
      left: () => cancellation.over,
      onLeave: cancellation.onEnd.bind(cancellation),
    })
  } catch (thrown) {
    throw cancellation.cause ?? thrown
  } finally {
    const nowMs = clock.monotonicMs()
    tries.waitMs += nowMs - sinceMs
    extend(request, { upstreamWaitMs: tries.waitMs })
    if (nowMs - sinceMs >= shownWaitMs) request.timeline?.add('queue', sinceMs, nowMs, 'upstream')
  }
}

/** One request to one model server. */
export class Attempt implements Work {
  readonly relay: Relay
  readonly #request: Sent
  readonly #slot: Slot
  readonly #parts: SendParts
  readonly #sentAtMs: number
  #servedAtMs: number | undefined
  /** In the request's trace, if that is exported. */
  #part: Part | undefined
  #approval: Part | undefined

  constructor(request: Sent, slot: Slot, writer: ResponseWriter, parts: SendParts) {
    const { clock, metrics, judgeCallsOf } = parts
    const { outgoing, prompt, policy, role, hold, arrivedAtMs, responseGuard, dialect, id } = request
    const judge = judgeCallsOf(request)
    this.#request = request
    this.#slot = slot
    this.#parts = parts
    this.#sentAtMs = clock.monotonicMs()
    this.relay = new Relay({
      judge,
      dialect,
      id,
      writer,
      reader: outgoing.reader,
      filter: filterOf(responseGuard, judge),
      guard: responseGuard,
      isStream: prompt.stream,
      keepAliveMs: policy.timeouts.keepAliveMs,
      holdsCalls: role.limits.repetition !== undefined,
      sinceArrivalMs: () => clock.monotonicMs() - arrivedAtMs,
      hold: (bytes) => hold.answer(bytes),
      waits: () => {
        this.#approval = request.timeline?.begin('approval', clock.monotonicMs())
      },
      waited: (ms) => {
        metrics.approvalSeconds.observe(ms / 1000)
        if (this.#approval) this.#approval.toMs = clock.monotonicMs()
      },
      served: () => {
        this.#servedAtMs ??= clock.monotonicMs()
        this.#endPart()
        slot.release()
      },
    })
  }

  get status(): number {
    return this.relay.upstreamStatus
  }

  get answer(): ModelResponse {
    return this.relay.answer
  }

  get carried(): number {
    return this.relay.carried
  }

  get ms(): number {
    return (this.#servedAtMs ?? this.#parts.clock.monotonicMs()) - this.#sentAtMs
  }

  /** Sends the request, unless it is over already. */
  send() {
    const { relay } = this
    const { cancellation } = this.#request
    const interrupt = () => {
      const { cause } = cancellation
      relay.interrupt(cause instanceof Refusal ? cause : undefined)
    }
    if (cancellation.over) return interrupt()
    extend(this.#request, { work: this })
    this.#part = this.#request.timeline?.begin('upstream', this.#sentAtMs, this.#request.upstream.name)
    cancellation.onEnd(interrupt)
    relay.upstream = this.#parts.upstreamClient.send(upstreamRequest(this.#request), relay)
  }

  /** Frees the slot and tells how the model server did. */
  close(outcome: RelayOutcome): void {
    const { fleet, models, clock, metrics, stored } = this.#parts
    const request = this.#request
    const { upstream, outgoing, model, toolCalls, cancellation } = request
    cancellation.onEnd(undefined)
    this.#endPart()
    metrics.upstreamSeconds.observe(labelsOf(request), this.ms / 1000)
    const verdict = verdictOn(outcome, request)
    const headAtMs = request.arrivedAtMs + (this.relay.headMs ?? clock.monotonicMs() - request.arrivedAtMs)
    const latencyMs = headAtMs - this.#sentAtMs
    if (verdict) fleet.tell(upstream, verdict, latencyMs)
    if (request.endpoint.group === 'admin') fleet.forget(upstream)
    else models.answered(upstream, request.policy)
    const { storedId } = outgoing.reader
    // What the server stores must be what the client got: a stopped call would be in it.
    const isWhole = !outcome.refusal && toolCalls.stopped.length === 0
    if (isWhole && storedId !== undefined && upstream.kind !== 'ollama')
      stored.note(ownerOf(request), storedId, { upstream: upstream.name, model })
    this.#slot.release()
  }

  #endPart(): void {
    if (!this.#part || this.#part.toMs !== undefined) return
    this.#part.toMs = this.#servedAtMs ?? this.#parts.clock.monotonicMs()
    this.#part.status = this.status
  }

  /** Frees the slot, whatever has happened. */
  release(): void {
    this.#slot.release()
  }
}

function upstreamRequest({ upstream, endpoint, outgoing, prompt, policy, trace }: Sent): UpstreamRequest {
  const { firstByteMs, serverSilenceMs } = policy.timeouts
  return {
    upstream,
    method: endpoint.method,
    path: outgoing.serverPath ?? endpoint.serverPath ?? endpoint.path,
    body: outgoing.body,
    file: prompt.file,
    uploadStream: prompt.uploadStream,
    traceparent: trace.onward,
    // A model that writes a whole response looks like one that hangs: `timeouts.total` ends both.
    firstByteMs: prompt.stream ? firstByteMs : 0,
    silenceMs: prompt.stream ? serverSilenceMs : 0,
  }
}

function filterOf(guard: ResponseGuard | undefined, judge: JudgeCall | undefined): OutputFilter {
  const filter = guard?.filter ?? passThrough
  return judge ? judgeTexts(filter, judge) : filter
}

const faults: ReadonlySet<RefusalCode> = new Set([
  'upstream_failed',
  'upstream_unavailable',
  'upstream_timeout',
])

/** What an attempt tells of its model server, if anything. */
function verdictOn(outcome: RelayOutcome, { cancellation: { cause } }: Sent): Verdict | undefined {
  const { refusal, status, blame } = outcome
  if (refusal === undefined) return status > 0 && status < 300 ? 'answered' : undefined
  // Where only `timeouts.total` ends what hangs, no more is known than that it took too long.
  if (cause) return cause instanceof Refusal && cause.code === 'upstream_timeout' ? 'failed' : undefined
  if (isNotTaken(outcome)) return 'unreachable'
  const said = blame === 'failure' && (status < 300 || status >= 500)
  return said && faults.has(refusal.code) ? 'failed' : undefined
}

/** It did not answer, or said that it cannot; anything else may be the request's fault, and another would say it too. */
function isNotTaken({ refusal, status, blame }: RelayOutcome): boolean {
  if (refusal === undefined || !faults.has(refusal.code)) return false
  return status === 502 || status === 503 || (status < 300 && blame === 'connection')
}

/**
 * Tells whether another model server is worth a try: there is one, and nothing of a response was seen, nor a whole
 * timeout spent (that server has worked on it, and time is short).
 */
export function mayTryNext({ cancellation, target }: Guarded, tries: Tries, outcome: RelayOutcome): boolean {
  if (cancellation.over || tries.upstreams.size >= target.upstreams.length) return false
  const begun = outcome.status !== 0 && outcome.status < 300
  return isNotTaken(outcome) && !begun && outcome.refusal?.code !== 'upstream_timeout'
}
