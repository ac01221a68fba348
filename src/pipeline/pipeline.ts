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
  Arrival,
  Call,
  Caller,
  Costly,
  Course,
  Destination,
  Ending,
  Inspected,
  Reserved,
} from './context.ts'
import type { RecordedPrompt, RecordPrompt } from './finish/audit-record.ts'
import type { Conclude } from './finish/charge.ts'
import type { Settle } from './finish/settle.ts'
import type { Outlet } from './ports.ts'
import { requireAdmitted } from './request/admit.ts'
import { readForm, readPrompt } from './request/parse.ts'
import { requireReserved } from './request/reserve.ts'
import { enforce } from './request/scan-prompt.ts'
import type { Forwarding } from './response/forward.ts'

export interface Steps {
  /** Whether there is a log to write to: nothing is forwarded that could not be recorded. */
  recordable(): boolean
  /** A promise only where it must wait. @throws Refusal */
  identify(arrival: Arrival): Caller | Promise<Caller>
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
  identify(course: Course, outlet: Outlet): Promise<Caller>
  /** Stage 4. @throws Refusal */
  admit(course: Course, caller: Caller, to: Costly): Promise<Admitted>
  /** Stages 2 to 4, for every route. @throws Refusal */
  enter(course: Course, to: Destination, outlet: Outlet): Promise<Admitted>
  /** Routes with a body: all stages. Never rejects. */
  exchange(course: Course, to: Destination<Exchange>, outlet: Outlet): Promise<void>
  /** Identifies, then refuses: for what no dialect declares. Never rejects. */
  turnAway(course: Course, refusal: Refusal, outlet: Outlet): Promise<void>
  /** A request that ends here. Never throws. */
  refuse(course: Course, thrown: unknown, outlet: Outlet): void
}

export function createGate(steps: Steps): Gate {
  const identify: Gate['identify'] = async (course, outlet) => {
    if (!steps.recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
    try {
      const found = steps.identify(course.arrival)
      course.caller = found instanceof Promise ? await found : found
      course.arrival.hold.ownedBy(holderOf(course.caller.identity))
      return course.caller
    } catch (refusal) {
      await outlet.failedLogin()
      throw refusal
    }
  }

  const admit: Gate['admit'] = async (course, caller, to) => {
    course.admitted = await steps.admit(caller, to)
    requireAdmitted(course.admitted)
    return course.admitted
  }

  const enter: Gate['enter'] = async (course, to, outlet) => {
    const caller = await identify(course, outlet)
    steps.authoriseRoute(caller, to)
    return admit(course, caller, to)
  }

  const refuse: Gate['refuse'] = (course, thrown, outlet) => {
    const { id, departure } = course.arrival
    const refusal = asRefusal(thrown)
    const left = departure.over && departure.refusal === undefined
    // That Redis is away is told once, not for every request.
    if (refusal.status >= 500 && refusal.code !== 'store_unavailable' && !left) {
      const { code, detail, cause } = refusal
      steps.log.error({ id, code, detail, cause: describeError(cause) }, 'request refused')
    }
    const ending: Ending = left ? { kind: 'aborted', answer: undefined } : { kind: 'refused', refusal }
    steps.settle(course, ending).then(
      () => outlet.refuse(refusal),
      (unrecorded: unknown) => outlet.refuse(asRefusal(unrecorded)),
    )
  }

  return {
    identify,
    admit,
    enter,
    refuse,

    async exchange(course, to, outlet) {
      try {
        const admitted = await enter(course, to, outlet)
        const { caller } = admitted
        const prompt = await read(caller, to.endpoint, outlet)
        course.prompt = prompt
        course.call = await steps.authoriseModel(caller, to.endpoint, prompt)
        // Before anything is scanned: how much a key may have read at once is what it may ask at once.
        course.reserved = await steps.reserve(course.call)
        course.queuedMs = course.reserved.waitedMs
        requireReserved(course.reserved)
        course.inspected = await steps.inspect(course.call)
        enforce(course.inspected)
        course.inspected = await steps.matchResults(course.inspected)
        let recorded: RecordedPrompt | undefined
        const settle = (ending: Ending) => steps.settle(course, ending, recorded)
        const meanwhile = () => {
          recorded ??= prepared(steps.recordPrompt, course)
        }
        const conclude = (answer: Answer) => steps.conclude(course, answer)
        await steps.forward(course.inspected, { outlet, course, conclude, settle, meanwhile })
      } catch (thrown) {
        refuse(course, thrown, outlet)
      }
    },

    async turnAway(course, refusal, outlet) {
      try {
        await identify(course, outlet)
        refuse(course, refusal, outlet)
      } catch (thrown) {
        refuse(course, thrown, outlet)
      }
    },
  }
}

async function read({ arrival, role }: Caller, endpoint: Exchange, outlet: Outlet): Promise<Prompt> {
  const { bodyBytes } = role.caps
  if (endpoint.upload) {
    const prompt = endpoint.read({ name: outlet.parameter }, role.allow)
    return { ...prompt, flow: outlet.upload(role.admin.blobBytes) }
  }
  if (endpoint.form) return readForm(await outlet.form(bodyBytes), endpoint, role.allow)
  const body = await outlet.body(bodyBytes)
  // Reading a large one takes longer than most of what is behind it.
  const { departure } = arrival
  if (departure.over) throw departure.refusal ?? new Error('the client left while its body arrived')
  return readPrompt(body, endpoint, role.allow)
}

/** Undefined if it cannot be made, which `settle` finds out for itself. */
function prepared(recordPrompt: RecordPrompt, course: Course): RecordedPrompt | undefined {
  try {
    return recordPrompt(course)
  } catch {
    return undefined
  }
}
