/**
 * The context of a request: one flat object, made once by `receive` with every field it will ever have (so that V8 sees
 * one shape), and filled in step by step. Each step takes the view of it that the steps before have filled, writes its
 * own fields with `extend`, and returns the same object as the next view. What ends a request (`settle`, the answer's
 * headers) may be reached after any step and reads it as a `RequestContext`, of which only `Received` is certain.
 *
 * | view            | fields                                                                  | step, file                     |
 * | --------------- | ----------------------------------------------------------------------- | ------------------------------ |
 * | `Received`      | `id` … `would`                                                          | `request/receive.ts`           |
 * | `Authenticated` | `identity` `role` `token`                                               | `request/authenticate.ts`      |
 * |                 | `person`, of a header or with `Parsed` of the body                      | `request/person.ts`            |
 * | `Admitted`      | `entry` `admission`, the latter sometimes only with `Reserved`          | `request/admit.ts`             |
 * | `Parsed`        | `endpoint` `prompt`                                                     | `request/parse.ts`             |
 * | `Authorised`    | `model` `others` `target`                                               | `request/authorise.ts`         |
 * | `Prepared`      | `outgoing` `spotlighting` `canary`                                      | `request/prepare.ts`           |
 * | `Reserved`      | `claim` `reservation` `weight` `slotWaitMs`                             | `request/reserve.ts`           |
 * | `Scanned`       | `findings` `guards` `opinion`                                           | `request/scan-prompt.ts`       |
 * |                 | `findings` and `guards` once more                                       | `request/compare-tools.ts`     |
 * | `Matched`       | `resultFindings` `resultGuards`                                         | `request/match-tool-results.ts` |
 * | `Guarded`       | `responseGuard` `toolCalls`                                             | `response/output-guard.ts`     |
 * | `Sent`          | `upstream` `upstreamWaitMs` `work`, anew for each server that is tried  | `response/send.ts`             |
 * | `Passing`       | `passThrough`, instead of everything from `Parsed` to `Guarded`         | `pass-through.ts`              |
 * | `Complete`      | `recordedPrompt`                                                        | `finish/audit-record.ts`       |
 * |                 | `isCharged`                                                             | `finish/charge.ts`             |
 * |                 | `isSettled`                                                             | `finish/settle.ts`             |
 */
import type { RecordedOpinion } from '../audit/write/record.ts'
import type { KeyRing } from '../auth/api-keys/key-ring.ts'
import type { Identity } from '../auth/identity.ts'
import type { ShownCertificate } from '../auth/mtls/certificate.ts'
import type { Token } from '../auth/tokens/token.ts'
import type { Hold } from '../core/held-bytes.ts'
import type {
  Dialect,
  Endpoint,
  Exchange,
  ModelNames,
  Outgoing,
  Prompt,
  Spotlighting,
} from '../dialects/dialect.ts'
import type { Admission, AdmissionRequest, Budget, Claim, Reservation } from '../limits/store.ts'
import type { Policy, Role, Upstream } from '../policy/policy.ts'
import type { Target } from '../upstreams/fleet.ts'
import type { Cancellation } from './cancellation.ts'
import type { Work } from './ending.ts'
import type { GuardVerdict, JudgedCalls, JudgedFinding, ResponseGuard } from './findings.ts'
import type { RecordedPrompt } from './finish/recorded-texts.ts'
import type { GuardWork } from './guard-work.ts'
import type { PassedThrough } from './passed-through.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'
import type { Would } from './would.ts'

/** Everything a reload replaces, swapped as one. */
export interface Snapshot {
  readonly policy: Policy
  readonly keys: KeyRing
}

/** Which route a request is for, as declared; a route that no dialect declares has no endpoint. */
export interface Destination<E extends Endpoint = Endpoint> {
  readonly dialect: Dialect
  readonly endpoint: E
}

/** A route, as far as counting it goes. */
export interface Metered {
  readonly endpoint: Pick<Endpoint, 'cost'>
  /** How often, where the role has no limit for probes. */
  readonly perMinute?: number
}

/** A request whose head has arrived. */
export interface Received {
  /** Under which the caller knows it: its own `x-request-id`, or ours. */
  readonly id: string
  /** Never the caller's word: what is reserved under it must be this request's alone. */
  readonly lease: string
  readonly trace: Trace
  /** When what was done; undefined: its trace is not exported. */
  readonly timeline: Timeline | undefined
  /** What the caller says it is (`x-agent-id`, `x-session-id`); recorded if its role may say so. */
  readonly agent: string | undefined
  readonly session: string | undefined
  /** The client's IP address. */
  readonly peer: string
  /** In force when it arrived; both hold for all of the request. */
  readonly policy: Policy
  readonly keys: KeyRing
  readonly dialect: Dialect
  /** The declared path, or `none`. */
  readonly route: string
  /** Monotonic milliseconds. */
  readonly arrivedAtMs: number
  readonly rawHeaders: readonly string[]
  /** What the connection's client has shown. */
  readonly certificate: ShownCertificate | undefined
  readonly cancellation: Cancellation
  /** What it holds in memory. */
  readonly hold: Hold
  /** What the calls to the limit store may still take. */
  readonly storeBudget: Budget
  /** What its guards have done so far. */
  readonly guardWork: GuardWork
  /** What would have refused it, if that did not only observe. */
  readonly would: Would
}

/** A request of a known caller. */
export interface Authenticated extends Received {
  readonly identity: Identity
  /** What this caller may do: of a token its key's role, narrowed. */
  readonly role: Role
  readonly token: Token | undefined
  /** Which of the persons behind its key it is from, if its role may say so and it does. */
  readonly person?: string | undefined
}

/** A request that was counted, or will be together with its reservation. */
export interface Admitted extends Authenticated {
  /** What is counted; undefined where nothing limits. */
  readonly entry: AdmissionRequest | undefined
  /** Undefined beside an `entry`: the store is asked with the reservation (`isDeferred`). */
  readonly admission: Admission | undefined
}

/** A request whose body was read, whether or not its model may be used. */
export interface Parsed extends Admitted {
  readonly endpoint: Exchange
  readonly prompt: Prompt
}

/** A request whose model is the caller's to use. */
export interface Authorised extends Parsed {
  readonly model: ModelNames
  /** Canonical names of the further models that it names. */
  readonly others: readonly string[]
  /** Which servers can serve it. */
  readonly target: Target
}

/** A request whose body is ready to go; nothing changes it from here on. */
export interface Prepared extends Authorised {
  readonly outgoing: Outgoing
  /** How its tool results and documents were marked as data, if they were. */
  readonly spotlighting: Spotlighting | undefined
  /** The marker in its system prompt; undefined: none was put there. */
  readonly canary: string | undefined
}

/** A request for which tokens and a slot were set aside. */
export interface Reserved extends Prepared {
  /** Undefined: nothing is limited, or nothing was granted. */
  readonly claim: Claim | undefined
  readonly reservation: Reservation | undefined
  /** What a token of this model counts. */
  readonly weight: number
  /** How long it waited for a slot of its key's. */
  readonly slotWaitMs: number
}

/** A request that guards have read. */
export interface Scanned extends Reserved {
  readonly findings: readonly JudgedFinding[]
  /** Guards that ran, and what they said; and what no guard read. Shown in `x-torwart-guards`. */
  readonly guards: readonly GuardVerdict[]
  /** What the guard model has cost, if it was asked. */
  readonly opinion: RecordedOpinion | undefined
}

/** A request whose tool results were compared with the calls that were let through. */
export interface Matched extends Scanned {
  readonly resultFindings: readonly JudgedFinding[]
  readonly resultGuards: readonly GuardVerdict[]
}

/** A request whose response has its guards. */
export interface Guarded extends Matched {
  /** What reads the response; undefined: nothing does. */
  readonly responseGuard: ResponseGuard | undefined
  readonly toolCalls: JudgedCalls
}

/** A request that was brought to a model server. */
export interface Sent extends Guarded {
  /** The latest one that was tried. */
  readonly upstream: Upstream
  /** How long it waited for model servers, all that were tried together. */
  readonly upstreamWaitMs: number
  /** What that server has done so far; undefined until it is asked. */
  readonly work: Work | undefined
}

/** A request that was let through to a model server unread: it has none of what reading it would have found. */
export interface Passing extends Admitted, Pick<Reserved, 'claim' | 'reservation' | 'weight' | 'slotWaitMs'> {
  readonly guards: readonly GuardVerdict[]
}

/** A request that is over. */
export interface Complete extends Sent {
  /** What passes through unread; undefined for all that is read. */
  readonly passThrough: PassedThrough
  readonly recordedPrompt: RecordedPrompt
  /** The limit store was told, or is being told, how it ended. */
  readonly isCharged: boolean
  /** Its ending is on its way to the log. */
  readonly isSettled: boolean
}

/** How far a request came: what its record and its headers are made from. */
export type RequestContext = Received & {
  readonly [Field in Exclude<keyof Complete, keyof Received>]: Complete[Field] | undefined
}

/**
 * Writes the fields that a step found out.
 * @returns the same object, which now has them
 */
export function extend<Context extends Received, Found extends Partial<Complete>>(
  context: Context,
  found: Found,
): Context & Found {
  return Object.assign(context, found)
}

/** Tells whether a model server was asked. */
export function isSent(context: RequestContext): context is RequestContext & Sent & { readonly work: Work } {
  return context.work !== undefined
}
