/** What the routes of the admin API answer, as the pages read it. */

/** Who is signed in, and for how long. */
export interface Session {
  readonly who: string
  readonly role: 'admin' | 'approver' | 'viewer'
  readonly rights: readonly ('read' | 'approve' | 'admin')[]
  readonly csrf: string
  /** Without a request for so long, the session ends. */
  readonly idleSeconds: number
  /** RFC 3339: when it ends in any case. */
  readonly expiresAt: string
}

/** A caller, as records name it. */
export interface Caller {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly role: string
}

/** A finding, as a row of the live view has it. */
export interface LiveFinding {
  readonly guard: string
  readonly category: string
  readonly action: string
}

/** A finished request in one row. Records of events come as rows, too, with their name and little else. */
export interface LiveRow {
  /** Names the record where an id does not: events have none. */
  readonly ref?: string
  readonly event?: string | null
  readonly by?: string | null
  readonly why?: string | null
  readonly id: string
  readonly time: string
  readonly key: Caller | null
  readonly route: string
  readonly model: string | null
  readonly upstream: string | null
  /** A code of a refusal, or how it ended: `answered`, `cut`, `aborted`. */
  readonly outcome: string
  readonly status: number | null
  readonly findings: readonly LiveFinding[]
  readonly tokens: { readonly in: number; readonly out: number } | null
  readonly ms: number
  readonly firstByteMs: number | null
  readonly queuedMs: number
  readonly chain?: string
}

/** A page of records. */
export interface RecordsPage {
  readonly records: readonly LiveRow[]
  /** Where to go on; null: that was all. A page may be empty and still have one. */
  readonly next: string | null
  /** How far back was read; null: not known. */
  readonly scannedTo?: string | null
}

/** A text of a record, or what stands for it. */
export interface RecordedText {
  readonly channel?: string
  readonly text?: string
  readonly length?: number
  readonly texts?: number
}

/** A tool call, with its arguments as JSON. */
export interface RecordedCall {
  readonly name: string
  readonly arguments: string
}

/** A record of the audit log. Events have only some of it. */
export interface AuditRecord {
  readonly seq: number
  readonly time: string
  readonly event?: string
  readonly id?: string
  readonly traceparent?: string
  readonly identity?: Caller | null
  readonly route?: string
  readonly dialect?: string
  readonly upstream?: string | null
  readonly model?:
    | { readonly asked: string; readonly served: string | null; readonly digest: string | null }
    | string
    | null
  readonly policy?: string
  readonly findings?: readonly RecordedFinding[]
  readonly remedy?: string
  readonly dropped?: readonly string[]
  readonly clamped?: readonly string[]
  readonly unread?: readonly string[]
  readonly approvals?: readonly { readonly id: string; readonly outcome: string }[]
  readonly usage?: { readonly input: number; readonly output: number } | null
  readonly limits?: Readonly<
    Record<string, { readonly scope: string; readonly limit: number; readonly remaining: number }>
  >
  readonly ending?: { readonly kind: string; readonly code: string | null; readonly status: number | null }
  readonly timing?: Timing
  readonly peer?: string
  readonly agent?: string | null
  readonly session?: string | null
  readonly prompt?: readonly RecordedText[] | null
  readonly excerpts?: readonly Excerpt[]
  readonly answer?: {
    readonly text: RecordedText
    readonly toolCalls: readonly RecordedCall[]
    readonly truncated: boolean
    readonly cuts: readonly { readonly channel: string; readonly type: string; readonly bytes: number }[]
  } | null
  readonly stopped?: readonly RecordedCall[]
  readonly erased?: string
  readonly hash: string
}

/** Where the time of a request went, in milliseconds. */
export interface Timing {
  readonly queuedMs: number
  readonly firstByteMs: number | null
  readonly totalMs: number
  readonly guardMs: number
}

/** A piece of a text around findings. */
export interface Excerpt {
  readonly channel: string
  readonly findings: readonly string[]
  readonly text: string
}

/** A finding, as a record has it. */
export interface RecordedFinding extends LiveFinding {
  readonly id: string
  readonly severity: string
  readonly channel: string
  readonly mentioned?: boolean
  readonly tool?: string
  readonly exception?: string
}

/** A tool call that waits for a person, or that one has decided about. */
export interface Approval {
  readonly id: string
  readonly state: 'pending' | 'approved' | 'denied'
  readonly identity: Caller
  readonly request: string | null
  readonly tool: string
  readonly arguments: string
  readonly model: string
  readonly asked: string
  readonly until: string
  readonly by: string | null
  readonly why: string | null
  readonly outdated: boolean
}

/** An API key without its secret. */
export interface Key {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly purpose: string | null
  readonly created: string
  readonly expires: string | null
  readonly lastUsed: string | null
  readonly uses: number
  readonly networks: readonly string[]
  readonly status: string
  readonly oldSecretUntil: string | null
}

/** Whoever has a role, with its rights in words. */
export interface Access extends Caller {
  readonly purpose: string | null
  readonly status: string
  readonly routes: readonly string[]
  readonly models: readonly string[]
  readonly tools: readonly string[] | null
  readonly limits: readonly string[]
  readonly guards: readonly string[]
  readonly from: readonly string[]
  readonly expires: string | null
  readonly lastUsed: string | null
}

/** Whether a request would be allowed, and why. */
export interface Explanation {
  readonly allowed: boolean
  readonly reasons: readonly { readonly allowed: boolean; readonly words: string }[]
  readonly limits: readonly string[]
}

/** A freeze in force. */
export interface Freeze {
  readonly kind: string
  readonly name: string
  readonly why: string
  readonly by: string
  readonly at: string
  readonly until: string | null
}

/** A limit, and how much of it is used now. */
export interface LimitUse {
  readonly kind: string
  readonly limit: number
  readonly used: number
  readonly remaining: number
  readonly resetsAt: string | null
}

/** The limits of one key, role or person, or of all. */
export interface LimitRow {
  readonly scope: string
  readonly id: string
  readonly name: string
  readonly limits: readonly LimitUse[]
  readonly concurrent: { readonly limit: number | null; readonly used: number } | null
  readonly breaker: string | null
  /** RFC 3339: until when an open breaker stays open by itself. */
  readonly breakerUntil: string | null
}

/** A model server. */
export interface Upstream {
  readonly name: string
  readonly kind: string
  readonly up: boolean
  readonly ejected: boolean
  readonly inflight: number
  readonly models: readonly string[]
}

/** How the gateway is. */
export interface Status {
  readonly version: string
  readonly startedAt: string
  readonly now: string
  /** Null: one process does it all. */
  readonly workers: { readonly wanted: number; readonly ready: number } | null
  readonly upstreams: readonly Upstream[]
  readonly requests: { readonly inflight: number; readonly queued: number }
  readonly freezes: number
  readonly approvals: number
  readonly anomalies: number
}

/** A model that a role may use. */
export interface Model {
  readonly name: string
  readonly upstream: string
  readonly kind: string
  readonly digest: string | null
  readonly locked: string | boolean | null
  readonly state: string
  readonly why: string | null
}

/** Models, and what the policy wants of them. */
export interface Models {
  readonly require: readonly string[]
  readonly onDrift: string
  readonly lock: { readonly state: string; readonly reason?: string }
  readonly models: readonly Model[]
}

/** What one key, role, model, person or day has used; its name is under the name of the group. */
export interface UsageRow {
  readonly key?: string | null
  readonly role?: string | null
  readonly model?: string | null
  readonly person?: string | null
  readonly day?: string | null
  readonly requests: number
  readonly refused: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cost: number | null
}

/** The end of the audit chain. */
export interface AuditState {
  readonly instance: string
  readonly writable: boolean
  readonly head: { readonly seq: number; readonly hash: string } | null
  readonly checkpoint: { readonly seq: number; readonly time?: string } | null
}

/** The policy in force and the file. */
export interface PolicyState {
  readonly file: string
  readonly version: string
  readonly loadedAt: string
  readonly text: string
  readonly lastReload: { readonly at: string; readonly ok: boolean; readonly problems: readonly string[] }
  readonly onDisk: {
    /** Null: the file cannot be read. */
    readonly text: string | null
    readonly same: boolean
    readonly problems: readonly PolicyProblem[]
  }
  readonly warnings: readonly string[]
}

/** An error or a warning of a policy. */
export interface PolicyProblem {
  readonly line?: number
  readonly column?: number
  readonly message: string
}

/** Requests of the log that another policy would judge otherwise. */
export interface Rejudged {
  /** With which they are refused now, or were then. */
  readonly code: string
  readonly role: string
  readonly name: string
  /** What of the policy refuses. */
  readonly rule: string
  readonly count: number
  /** The id of one of them. */
  readonly example: string
}

/** Why it is not known how another policy would judge requests. */
export interface NotKnown {
  readonly why: string
  readonly count: number
  readonly example: string
}

/** What a pasted policy would do. */
export interface PolicyTrial {
  readonly ok: boolean
  readonly problems: readonly PolicyProblem[]
  readonly warnings: readonly PolicyProblem[]
  readonly judged: {
    /** Looked at; of these, `unknown` cannot be judged. */
    readonly requests: number
    readonly unknown: number
    /** False: the time was over before the whole day was looked at. */
    readonly complete: boolean
    readonly nowRefused: readonly Rejudged[]
    readonly nowAllowed: readonly Rejudged[]
    readonly unknownBecause: readonly NotKnown[]
    readonly notJudged: readonly string[]
  } | null
}

/** An incident with the report that is due next. */
export interface Incident {
  readonly id: string
  readonly state: 'open' | 'overdue' | 'closed'
  readonly why: string
  readonly aware: string
  readonly next: { readonly notice: string; readonly due: string } | null
}

/** Open incidents, the most urgent first, and the latest that are closed. */
export interface Incidents {
  readonly incidents: readonly Incident[]
}

/** Something that is unusual for a key or a model. */
export interface Anomaly {
  readonly id: string
  readonly kind: string
  readonly subject: { readonly kind: string; readonly id: string }
  readonly since: string
  readonly at: string
  /** In words, as `now`. */
  readonly usual: string
  readonly now: string
  readonly score: number
  readonly records: readonly string[]
  readonly state: 'open' | 'over'
}

/** Anomalies, and whose baselines are still being learnt. */
export interface Anomalies {
  readonly anomalies: readonly Anomaly[]
  readonly learning: readonly unknown[]
}
