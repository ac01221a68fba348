/**
 * The way of one request, on one screen. Every step is a file beside this one.
 */

import { holderOf } from '../auth/identity.ts'
import { asRefusal, describeError, Refusal } from '../core/refusal.ts'
import type { Exchange, Prompt } from '../dialects/dialect.ts'
import type { Log } from '../telemetry/log.ts'
import type {
  Admitted,
  Answer,
  Call,
  Caller,
  Costly,
  Destination,
  Ending,
  IncomingRequest,
  Inspected,
  RequestContext,
  Reserved,
} from './context.ts'
import type { RecordedPrompt, RecordPrompt } from './finish/audit-record.ts'
import type { Conclude } from './finish/charge.ts'
import type { Settle } from './finish/settle.ts'
import type { ResponseWriter } from './ports.ts'
import { requireAdmitted } from './request/admit.ts'
import { readForm, readPrompt } from './request/parse.ts'
import { requireReserved } from './request/reserve.ts'
import { enforce } from './request/scan-prompt.ts'
import type { Forwarding } from './response/forward.ts'

export interface Steps {
  /** Whether there is a log to write to: nothing is forwarded that could not be recorded. */
  recordable(): boolean
  /** A promise only where it must wait. @throws Refusal */
  identify(incoming: IncomingRequest): Caller | Promise<Caller>
  /** Stage 3. @throws Refusal */
  authoriseRoute(caller: Caller, to: Destination): void
  admit(caller: Caller, to: Costly): Promise<Admitted>
  authoriseModel(caller: Caller, endpoint: Exchange, prompt: Prompt): Promise<Call>
  reserve(call: Call): Promise<Reserved>
  inspect(call: Call): Promise<Inspected>
  matchResults(call: Inspected): Promise<Inspected>
  forward(call: Inspected, forwarding: Forwarding): Promise<void>
  readonly recordPrompt: RecordPrompt
  readonly conclude: Conclude
  readonly settle: Settle
  readonly log: Log
}

export interface Gate {
  /** Stage 2; a credential that is wrong counts at the door. @throws Refusal */
  identify(context: RequestContext, writer: ResponseWriter): Promise<Caller>
  /** Stage 4. @throws Refusal */
  admit(context: RequestContext, caller: Caller, to: Costly): Promise<Admitted>
  /** Stages 2 to 4, for every route. @throws Refusal */
  enter(context: RequestContext, to: Destination, writer: ResponseWriter): Promise<Admitted>
  /** Routes with a body: all stages. Never rejects. */
  exchange(context: RequestContext, to: Destination<Exchange>, writer: ResponseWriter): Promise<void>
  /** Identifies, then refuses: for what no dialect declares. Never rejects. */
  turnAway(context: RequestContext, refusal: Refusal, writer: ResponseWriter): Promise<void>
  /** A request that ends here. Never throws. */
  refuse(context: RequestContext, thrown: unknown, writer: ResponseWriter): void
}

export function createGate(steps: Steps): Gate {
  const identify: Gate['identify'] = async (context, writer) => {
    if (!steps.recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
    try {
      const found = steps.identify(context.incoming)
      context.caller = found instanceof Promise ? await found : found
      context.incoming.hold.ownedBy(holderOf(context.caller.identity))
      return context.caller
    } catch (refusal) {
      await writer.failedLogin()
      throw refusal
    }
  }

  const admit: Gate['admit'] = async (context, caller, to) => {
    context.admitted = await steps.admit(caller, to)
    requireAdmitted(context.admitted)
    return context.admitted
  }

  const enter: Gate['enter'] = async (context, to, writer) => {
    const caller = await identify(context, writer)
    steps.authoriseRoute(caller, to)
    return admit(context, caller, to)
  }

  const refuse: Gate['refuse'] = (context, thrown, writer) => {
    const { id, cancellation } = context.incoming
    const refusal = asRefusal(thrown)
    const left = cancellation.over && cancellation.refusal === undefined
    // That Redis is away is told once, not for every request.
    if (refusal.status >= 500 && refusal.code !== 'store_unavailable' && !left) {
      const { code, detail, cause } = refusal
      steps.log.error({ id, code, detail, cause: describeError(cause) }, 'request refused')
    }
    const ending: Ending = left ? { kind: 'aborted', answer: undefined } : { kind: 'refused', refusal }
    steps.settle(context, ending).then(
      () => writer.refuse(refusal),
      (unrecorded: unknown) => writer.refuse(asRefusal(unrecorded)),
    )
  }

  return {
    identify,
    admit,
    enter,
    refuse,

    async exchange(context, to, writer) {
      try {
        const admitted = await enter(context, to, writer)
        const { caller } = admitted
        const prompt = await read(caller, to.endpoint, writer)
        context.prompt = prompt
        context.call = await steps.authoriseModel(caller, to.endpoint, prompt)
        // Before anything is scanned: how much a key may have read at once is what it may ask at once.
        context.reserved = await steps.reserve(context.call)
        context.queuedMs = context.reserved.waitedMs
        requireReserved(context.reserved)
        context.inspected = await steps.inspect(context.call)
        enforce(context.inspected)
        context.inspected = await steps.matchResults(context.inspected)
        let recorded: RecordedPrompt | undefined
        const settle = (ending: Ending) => steps.settle(context, ending, recorded)
        const meanwhile = () => {
          recorded ??= prepared(steps.recordPrompt, context)
        }
        const conclude = (answer: Answer) => steps.conclude(context, answer)
        await steps.forward(context.inspected, { writer, context, conclude, settle, meanwhile })
      } catch (thrown) {
        refuse(context, thrown, writer)
      }
    },

    async turnAway(context, refusal, writer) {
      try {
        await identify(context, writer)
        refuse(context, refusal, writer)
      } catch (thrown) {
        refuse(context, thrown, writer)
      }
    },
  }
}

async function read({ incoming, role }: Caller, endpoint: Exchange, writer: ResponseWriter): Promise<Prompt> {
  const { bodyBytes } = role.caps
  if (endpoint.upload) {
    const prompt = endpoint.read({ name: writer.parameter }, role.allow)
    return { ...prompt, uploadStream: writer.upload(role.admin.blobBytes) }
  }
  if (endpoint.form) return readForm(await writer.form(bodyBytes), endpoint, role.allow)
  const body = await writer.body(bodyBytes)
  // Reading a large one takes longer than most of what is behind it.
  const { cancellation } = incoming
  if (cancellation.over) throw cancellation.refusal ?? new Error('the client left while its body arrived')
  return readPrompt(body, endpoint, role.allow)
}

/** Undefined if it cannot be made, which `settle` finds out for itself. */
function prepared(recordPrompt: RecordPrompt, context: RequestContext): RecordedPrompt | undefined {
  try {
    return recordPrompt(context)
  } catch {
    return undefined
  }
}
