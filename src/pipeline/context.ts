/**
 * What is known about a request, step by step. Each stage takes one of these and returns the next, which holds
 * the ones before it; a field is there from the stage that found it out, and never optional "because it will
 * come". Held, not copied: spreading objects of this size costs 10 µs a time (Node 20).
 */
import type { RecordedOpinion } from '../audit/write/record.ts'
import type { KeyRing } from '../auth/api-keys/key-ring.ts'
import type { Identity } from '../auth/identity.ts'
import type { ShownCertificate } from '../auth/mtls/certificate.ts'
import type { Token } from '../auth/tokens/token.ts'
import type { Hold } from '../core/held-bytes.ts'
import type { JsonObject } from '../core/json.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Action, Channel, Finding } from '../core/text.ts'
import type { Usage } from '../core/usage.ts'
import type { OutputFilter, TextKind } from '../dialects/common/output-filter.ts'
import type {
  Dialect,
  Endpoint,
  Exchange,
  ModelNames,
  Outgoing,
  Prompt,
  ResponseReader,
  Spotlighting,
  ToolCall,
} from '../dialects/dialect.ts'
import type { Admission, Budget, Claim, Entry, Reservation } from '../limits/store.ts'
import type { Policy, Role, Upstream } from '../policy/policy.ts'
import type { Target } from '../upstreams/fleet.ts'
import type { Cancellation } from './cancellation.ts'
import type { GuardWork } from './guard-work.ts'
import type { Trace } from './trace.ts'

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

/** What is known of a route where only its cost matters. */
export interface Costly {
  readonly endpoint: Pick<Endpoint, 'cost'>
  /** How often, where the role has no limit for probes. */
  readonly perMinute?: number
}

export interface IncomingRequest {
  /** Under which the caller knows it: its own word, or ours. */
  readonly id: string
  /** Never the caller's word: what is reserved under it must be this request's alone. */
  readonly lease: string
  readonly trace: Trace
  /** What the caller says it is; recorded if its role may say so. */
  readonly agent: string | undefined
  readonly session: string | undefined
  readonly peer: string
  readonly snapshot: Snapshot
  readonly dialect: Dialect
  /** The declared path, or `none`. */
  readonly route: string
  readonly arrivedAtMs: number
  readonly rawHeaders: readonly string[]
  /** What the connection's client has shown. */
  readonly certificate: ShownCertificate | undefined
  readonly cancellation: Cancellation
  /** What it holds in memory. */
  readonly hold: Hold
  /** What the calls to the limit store may still take. */
  readonly budget: Budget
  /** What its guards have done so far. */
  readonly guardWork: GuardWork
}

export interface Caller {
  readonly incoming: IncomingRequest
  readonly identity: Identity
  /** What this caller may do: of a token its key's role, narrowed. */
  readonly role: Role
  readonly token: Token | undefined
}

export interface Admitted {
  readonly caller: Caller
  /** What was counted. */
  readonly entry: Entry | undefined
  /** Undefined where nothing limits. */
  readonly admission: Admission | undefined
}

/** Read and allowed: the model is the caller's to use, the body is fresh and ready to go. */
export interface Call {
  readonly caller: Caller
  readonly endpoint: Exchange
  readonly prompt: Prompt
  readonly model: ModelNames
  /** Who can serve it. */
  readonly target: Target
  readonly outgoing: Outgoing
  /** How its tool results and documents were marked as data, if they were. */
  readonly spotlighting: Spotlighting | undefined
  readonly judged: JudgedCalls
}

/** What was said of the tool calls of its answer, as they came. */
export interface JudgedCalls {
  readonly findings: JudgedFinding[]
  /** Those that the client did not get. */
  readonly stopped: ToolCall[]
  /** What became of questions to humans, by the approval's id. */
  readonly approvals: Map<string, 'asked' | 'used' | 'denied'>
}

export interface Inspected {
  readonly call: Call
  readonly findings: readonly JudgedFinding[]
  /** What the guard model has cost, if it had something to say. */
  readonly opinion?: RecordedOpinion
  /** Guards that ran, and what they said; and what no guard read. Shown in `x-torwart-guards`. */
  readonly guards: readonly (readonly [guard: string, verdict: Action | 'unread'])[]
}

export interface Reserved {
  /** Undefined: nothing is limited, or nothing was granted. */
  readonly claim: Claim | undefined
  readonly reservation: Reservation | undefined
  /** What a token of this model counts. */
  readonly weight: number
  /** For a slot. */
  readonly waitedMs: number
}

/** How far a request came: what its record and its headers are made from. */
export interface RequestContext {
  readonly incoming: IncomingRequest
  caller?: Caller
  admitted?: Admitted
  /** Once it was read, whoever may not ask for it. */
  prompt?: Prompt
  call?: Call
  inspected?: Inspected
  reserved?: Reserved
  /** The model server that it was brought to last, and how long it waited for one. */
  upstream?: Upstream
  queuedMs?: number
  /** What the model server has done so far, from when it was asked. */
  work?: (() => Work) | undefined
  /** What reads the answer; undefined: nobody does, or there was none yet. */
  output?: AnswerGuard | undefined
  /** Once the limit store was told how it ended. */
  accounted?: true
  /** Once its ending is on its way to the log. */
  settled?: true
}

export interface JudgedFinding extends Finding {
  readonly guard: string
  readonly channel: Channel
  readonly action: Action | 'redact'
  /** Keyed digest of the passage that it stands in, where it matters. */
  readonly passage?: string | undefined
  /** The tool whose text it stands in. */
  readonly tool?: string | undefined
  /** Id of the exception by which it counts for nothing. */
  readonly exception?: string | undefined
  /** The text in which `start` and `end` count; only a record may show of it what surrounds them, masked. */
  readonly text?: string
}

export type OutputVerdict = 'allow' | 'flag' | 'redact' | 'block'

/** What was taken out of an answer, and where: bytes of the channel as the model wrote it. */
export interface AnswerCut {
  readonly channel: TextKind
  readonly type: string
  readonly at: number
  readonly bytes: number
}

/** What the output guard must know of a request. */
export interface Guarded {
  readonly caller: Caller
  readonly prompt: Pick<Prompt, 'texts'>
  /** The body gets a marker, if the policy plants one. */
  readonly outgoing: { readonly body: JsonObject; readonly reader?: Pick<ResponseReader, 'isUnread'> }
}

/** What stands between the texts of one answer and the client. */
export interface AnswerGuard {
  readonly passage: OutputFilter
  readonly findings: readonly JudgedFinding[]
  readonly cuts: readonly AnswerCut[]
  /** What was put into the request. */
  readonly planted: readonly string[]
  /** So far; undefined: there was no text to read. */
  readonly verdict: OutputVerdict | 'unread' | undefined
  /** The answer is over: reads what was still to be read. */
  finish(): void
}

/** What came back from the model, as far as it came. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly toolCalls: readonly ToolCall[]
  readonly truncated: boolean
  readonly usage: Usage | undefined
  /** From arrival to the first byte sent. */
  readonly firstByteMs: number | undefined
  /** Of a stream: the same, without the time that humans took to decide. */
  readonly firstTokenMs?: number | undefined
}

/** What is known of a model server's work on a request. */
export interface Work {
  /** What the server answered, 0 if it has not. */
  readonly status: number
  readonly answer: Answer
  /** An estimate of the tokens that came as a stream. */
  readonly carried: number
  /** From forwarding until the server had said everything, or the request ended. */
  readonly ms: number
}

/** Of what no model answers: lists, greetings. */
export const nothingSaid: Answer = {
  status: 200,
  text: '',
  toolCalls: [],
  truncated: false,
  usage: undefined,
  firstByteMs: undefined,
}

/** How a request ended: in exactly one of these ways. */
export type Ending =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** After the answer had begun. */
  | { readonly kind: 'cut'; readonly refusal: Refusal; readonly answer: Answer }
  /** The client left. */
  | { readonly kind: 'aborted'; readonly answer: Answer | undefined }
