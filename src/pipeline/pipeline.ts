/**
 * The whole way of one request, on one screen: in front of the model server and behind it. Every step is a file in
 * `request/`, `response/` or `finish/`; `context.ts` says what is known after which.
 */
import { holderOf } from '../auth/identity.ts'
import { asRefusal, describeError, Refusal } from '../core/refusal.ts'
import type { Exchange } from '../dialects/dialect.ts'
import { ClientLeft } from './cancellation.ts'
import { type Admitted, type Destination, extend, type Guarded, type RequestContext } from './context.ts'
import { type Ending, emptyResponse } from './ending.ts'
import { prepareRecord } from './finish/audit-record.ts'
import { passThroughCost } from './pass-through.ts'
import type { ResponseWriter } from './ports.ts'
import { type Deferred, isDeferred } from './request/admit.ts'
import { namePersonByBody, namePersonByHeader } from './request/person.ts'
import { promptTokens } from './request/reserve.ts'
import { guardResponse } from './response/output-guard.ts'
import type { Relay } from './response/relay.ts'
import type { RelayOutcome } from './response/relay-types.ts'
import { mayTryNext, Tries } from './response/send.ts'
import type { JudgedBody, Pipeline, Steps } from './steps.ts'

/** Puts the steps together. */
export function createPipeline(steps: Steps): Pipeline {
  const authenticate = createDoor(steps)

  const authorise = async (
    context: RequestContext,
    to: Destination,
    writer: Pick<ResponseWriter, 'failedLogin'>,
  ) => {
    const authenticated = namePersonByHeader(await authenticate(context, writer), to.endpoint)
    steps.authoriseRoute(authenticated, to)
    return authenticated
  }

  const enter: Pipeline['enter'] = async (context, to, writer) =>
    steps.admit.now(await authorise(context, to, writer), to)

  const passThrough: Pipeline['passThrough'] = async (context, rule, passed, writer) => {
    extend(context, { passThrough: passed })
    const authenticated = namePersonByHeader(await authenticate(context, writer), passThroughCost)
    return steps.letThrough(authenticated, rule, passed)
  }

  const judge: Pipeline['judge'] = async (context, to, writer) =>
    guarded(await enter(context, to, writer), to, writer, steps)

  const exchange: Pipeline['exchange'] = async (context, to, writer) => {
    try {
      const admitted = await steps.admit.nowOrLater(await authorise(context, to, writer), to, writer)
      const ready = await guarded(admitted, to, writer, steps)
      if (to.endpoint.answer)
        await answerHere(context, to.endpoint.answer(promptTokens(ready.prompt)), writer, steps)
      else await deliver(ready, context, writer, steps)
    } catch (thrown) {
      refuse(context, isDeferred(context) ? await admitFirst(context, thrown, steps) : thrown, writer)
    }
  }

  const refuse: Pipeline['refuse'] = (context, thrown, writer) => {
    const { id, cancellation } = context
    const hasLeft = cancellation.cause instanceof ClientLeft
    const refusal = asRefusal(thrown)
    // That Redis is away is told once, not for every request.
    if (refusal.status >= 500 && refusal.code !== 'store_unavailable' && !hasLeft) {
      const { code, detail, cause } = refusal
      steps.log.error({ id, code, detail, cause: describeError(cause) }, 'request refused')
    }
    const ending: Ending = hasLeft ? { kind: 'aborted', answer: undefined } : { kind: 'refused', refusal }
    steps.settle(context, ending).then(
      () => writer.refuse(refusal),
      (unrecorded: unknown) => writer.refuse(asRefusal(unrecorded)),
    )
  }

  const turnAway: Pipeline['turnAway'] = async (context, refusal, writer) => {
    const fault = await authenticate(context, writer).then(
      () => refusal,
      (thrown: unknown) => thrown,
    )
    refuse(context, fault, writer)
  }

  return { authenticate, admit: steps.admit.now, enter, judge, exchange, passThrough, turnAway, refuse }
}

/** Makes what recognises a caller, or counts its failure. */
function createDoor(steps: Pick<Steps, 'recordable' | 'authenticate'>): Pipeline['authenticate'] {
  return async (context, writer) => {
    if (!steps.recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
    try {
      const found = steps.authenticate(context)
      const request = found instanceof Promise ? await found : found
      request.hold.ownedBy(holderOf(request.identity))
      return request
    } catch (refusal) {
      await writer.failedLogin()
      throw refusal
    }
  }
}

/** Takes an admitted request through everything that may refuse it before a model server is asked. @throws Refusal */
async function guarded(
  admitted: Admitted,
  to: Destination<Exchange>,
  body: JudgedBody,
  steps: Steps,
): Promise<Guarded> {
  const parsed = namePersonByBody(await steps.parse(admitted, to.endpoint, body))
  const authorised = await steps.authoriseModel(parsed)
  const prepared = await steps.prepare(authorised)
  // Before anything is scanned: how much a key may have read at once is what it may ask at once.
  const reserved = await steps.reserve(prepared)
  const scanned = await steps.scan(reserved)
  const matched = await steps.matchToolResults(steps.compareTools(scanned))
  return guardResponse(matched, steps.makeResponseGuard)
}

/** Counts a request that was ended before it was. @returns what refuses it: the limit, or what ended it */
async function admitFirst(
  context: Deferred,
  thrown: unknown,
  { admit }: Pick<Steps, 'admit'>,
): Promise<unknown> {
  try {
    await admit.deferred(context)
    return thrown
  } catch (refusal) {
    return refusal
  }
}

/** Answers what no model server is asked for. */
async function answerHere(
  context: RequestContext,
  body: object,
  writer: ResponseWriter,
  { settle }: Pick<Steps, 'settle'>,
): Promise<void> {
  await settle(context, { kind: 'answered', answer: emptyResponse })
  writer.begin(200, 'application/json')
  writer.end(JSON.stringify(body))
}

/** Brings a request to a model server, or the next one, and its response to the client. @throws Refusal if nothing was sent */
export async function deliver(
  request: Guarded,
  context: RequestContext,
  writer: ResponseWriter,
  steps: Pick<Steps, 'send' | 'recordPrompt' | 'chargeToolCalls' | 'settle'>,
): Promise<void> {
  for (const tries = new Tries(); ; ) {
    const attempt = await steps.send(request, tries, writer)
    try {
      // Masking takes a while, in which the model works.
      prepareRecord(context, steps.recordPrompt)
      const outcome = await relayAndSettle(attempt.relay, context, steps)
      attempt.close(outcome)
      if (outcome.refusal === undefined || outcome.isTold) return
      if (!mayTryNext(request, tries, outcome)) throw outcome.refusal
    } finally {
      attempt.release()
    }
  }
}

/** Relays a response, and puts the request on record before its last byte leaves. Never rejects. */
export async function relayAndSettle(
  relay: Relay,
  context: RequestContext,
  { chargeToolCalls, settle }: Pick<Steps, 'chargeToolCalls' | 'settle'>,
): Promise<RelayOutcome> {
  let outcome = await relay.outcome
  if (outcome.holdsCalls) {
    const repetition = await chargeToolCalls(context, relay.answer)
    if (repetition) outcome = relay.refuse(repetition)
  }
  if (!outcome.ending) return outcome
  try {
    await settle(context, outcome.ending)
  } catch (unrecorded) {
    return relay.abandon(unrecorded)
  }
  return relay.finish()
}
