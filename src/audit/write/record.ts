/**
 * What one line of the audit log holds, in two parts: what stays, and what may be erased. Texts are masked before they
 * get here; nothing in a record is optional because somebody forgot it: null says that the request never came so far.
 */
import type { FindingPart } from '../../core/text.ts'

/** What a record says of a request under the hash: it stays. */
export interface RequestRecord {
  /** RFC 3339, UTC. */
  readonly time: string
  readonly id: string
  /** W3C Trace Context: the caller's, or ours if it sent none. */
  readonly traceparent: string
  /** The span id under which the model server was asked, within that trace. */
  readonly span: string
  readonly identity: {
    readonly kind: string
    readonly id: string
    readonly name: string
    readonly role: string
    /** Of a token: its key and the tokens between them. */
    readonly from?: readonly string[]
    /** Of a caller that is known by something else; `name` is null if no rule of the policy matches it. */
    readonly certificate?: { readonly name: string | null; readonly fingerprint: string }
  } | null
  /** Whose budget it counts for, where its role has a group. */
  readonly group?: string
  /** What the key, or else its role, is for. */
  readonly purpose?: string
  readonly route: string
  readonly dialect: string
  readonly upstream: string | null
  /** Of a request that was passed through unread: what was asked for, without its query, and how many bytes of bodies passed. */
  readonly passthrough?: {
    readonly method: string
    readonly path: string
    readonly bytesIn: number
    readonly bytesOut: number
  }
  readonly model: {
    readonly asked: string
    readonly served: string | null
    readonly digest: string | null
  } | null
  /** Version of the policy that judged. */
  readonly policy: string
  readonly findings: readonly RecordedFinding[]
  /** The command with which an operator accepts what was refused. */
  readonly remedy?: string
  /** Codes with which it would have been refused, by parts of the policy that only observe; `approval`: a human would have been asked. */
  readonly would?: readonly string[]
  /** Fields that were left out, parameters that were lowered. */
  readonly dropped: readonly string[]
  readonly clamped: readonly string[]
  /** What the gate put into the request: a canary. */
  readonly planted: readonly string[]
  /** What went to the model and no guard read. */
  readonly unread: readonly string[]
  /** How many texts were marked as data. */
  readonly marked: number
  /** Questions to humans about its tool calls; each has its own events, which name this request. */
  readonly approvals: readonly { readonly id: string; readonly outcome: 'asked' | 'used' | 'denied' }[]
  /** What a guard model was asked about it, where the policy has one and it had something to ask. */
  readonly opinion?: RecordedOpinion
  /** `gpuMs`: how long the model server says that it worked, where it does. */
  readonly usage: { readonly input: number; readonly output: number; readonly gpuMs?: number } | null
  /** Of a realtime session as a whole: its close code, its responses, and milliseconds of sound in both directions. */
  readonly realtime?: { readonly close: number; readonly responses: number; readonly soundMs: number }
  readonly limits: Readonly<Record<string, RecordedLimit>>
  readonly ending: { readonly kind: string; readonly code: string | null; readonly status: number | null }
  readonly timing: {
    readonly queuedMs: number
    readonly firstByteMs: number | null
    readonly totalMs: number
    /** What its guards took, of the one thread and in units of work. */
    readonly guardMs: number
    readonly guardWork: number
  }
}

/**
 * What of a record can be erased without breaking the chain: texts, and what tells of a person. Stands behind the seal.
 */
export interface RecordContent {
  readonly peer: string
  /** As the caller named them, if its role may. */
  readonly agent: string | null
  readonly session: string | null
  /** Which of the persons behind its key it is from, where its role may say so. */
  readonly person?: string
  readonly prompt: readonly RecordedText[] | null
  /** What a guard found in the prompt, with what surrounds it. */
  readonly excerpts: readonly RecordedExcerpt[]
  readonly answer: {
    readonly text: RecordedText
    readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[]
    /** The answer was longer than what is kept of one; length and digest are those of its beginning. */
    readonly truncated: boolean
    /** What the output guard took out: of which channel, from which byte of what the model wrote, how many. */
    readonly cuts: readonly {
      readonly channel: string
      readonly type: string
      readonly at: number
      readonly bytes: number
    }[]
  } | null
  /** Tool calls of the answer that the client did not get. */
  readonly stopped: readonly { readonly name: string; readonly arguments: string }[]
}

/** The tightest of its kind. `scope`: whose limit it is. */
export interface RecordedLimit {
  readonly scope: string
  readonly limit: number
  readonly remaining: number
}

/** A text, or, where policy or size keep it out, its length and SHA-256. */
export type RecordedText =
  | { readonly channel: string; readonly text: string }
  | { readonly channel: string; readonly length: number; readonly sha256: string | null }
  /** What stands in an earlier record of the same key and the same segment. */
  | { readonly ref: RecordReference }
  /** All texts before the ones that are recorded one by one. */
  | { readonly channel: 'rest'; readonly texts: number; readonly length: number; readonly sha256: string }

/**
 * Entries of the `prompt` of an earlier record: its `seq`, the index of the first entry, and how many, where it is more
 * than one. They may be references themselves.
 */
export type RecordReference =
  | readonly [seq: number, index: number]
  | readonly [seq: number, index: number, count: number]

/** Where a record comes to stand: its number, and that of the first record of its segment. */
export interface LogPlace {
  readonly seq: number
  readonly segment: number
}

/** Makes the texts of a prompt where the record's place is known, which decides what they may refer to. Called once. */
export type PlacedPrompt = (place: LogPlace) => readonly RecordedText[]

/** Content whose prompt is made when the record is sealed. */
export type UnplacedContent = Omit<RecordContent, 'prompt'> & { readonly prompt: PlacedPrompt | null }

/** A piece of a text around findings, masked. */
export interface RecordedExcerpt {
  readonly channel: string
  /** Ids of the findings that it shows. */
  readonly findings: readonly string[]
  readonly text: string
}

/** How many questions were asked, were answered already, and had no answer; what those that were asked have cost. */
export interface RecordedOpinion {
  readonly asked: number
  readonly remembered: number
  readonly unread: number
  readonly ms: number
  readonly inputTokens: number
  readonly outputTokens: number
}

/** A finding, as it is recorded. */
export interface RecordedFinding {
  readonly guard: string
  readonly id: string
  readonly category: string
  readonly severity: string
  readonly channel: string
  readonly action: string
  /** Of what a passage does: each part that was seen, and its place in the text, in UTF-16 code units. */
  readonly parts?: readonly FindingPart[]
  /** Quoted or announced as an example, so that it weighs less. */
  readonly mentioned?: true
  /** The tool whose text it stands in, as the request names it. */
  readonly tool?: string
  /** Keyed digest of the passage that it stands in. */
  readonly passage?: string
  /** The exception by which it counts for nothing. */
  readonly exception?: string
}
