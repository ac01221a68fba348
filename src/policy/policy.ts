/**
 * The compiled policy: what the gate asks while it works. Immutable; one request sees one of them from
 * beginning to end. Units are in the names, sets are sets, patterns are functions.
 */

import type { RedisServers } from '../core/redis-servers.ts'
import type { ServerKind } from '../core/servers.ts'
import type { Severity } from '../core/text.ts'
import type { Signature } from '../detect/injection/signature.ts'
import type { SensitiveFinder } from '../detect/sensitive/finder.ts'
import type { KeepAliveCap } from '../dialects/common/caps.ts'
import type { Feature, RouteGroup } from '../dialects/dialect.ts'
import type { SocketRights } from '../files/socket-file.ts'
import type { ModelMatcher } from '../models/match.ts'
import type { ToolRights } from '../tool-policy/rights.ts'
import type { CertificateRule, TlsSettings, TokenIssuer } from './callers.ts'
import type { Exceptions } from './exceptions.ts'
import type { GroupBudget, Limits, PersonRule, SharedLimits } from './limits.ts'
import type { Networks } from './networks.ts'
import type { AnomalySettings, ApprovalSettings } from './notifications.ts'
import type { Observing } from './observing.ts'
import type { Price } from './price.ts'
import type { TelemetrySettings } from './telemetry-settings.ts'
import type { ToolProfile } from './tool-profile.ts'

export type { GroupBudget, Limits, PersonRule, Repetition, SharedLimits } from './limits.ts'

/** Where a listener is: host and port, or a Unix socket. */
export interface Address {
  /** `localhost` beside a socket. */
  readonly host: string
  /** 0 beside a socket. */
  readonly port: number
  /** Whether only programs of this host can connect. */
  readonly loopback: boolean
  /** An absolute path; absent: it is TCP. */
  readonly socketPath?: string | undefined
}

/** Pages in browsers that may call the gateway. */
export interface CorsSettings {
  /** As browsers send them in `Origin`; empty: none. */
  readonly origins: readonly string[]
  readonly maxAgeSeconds: number
}

/** When a server that answers with failures is left alone, in Envoy's terms. */
export interface OutlierDetection {
  readonly consecutiveFailures: number
  readonly failurePercentage: number
  readonly requestVolume: number
  readonly intervalMs: number
  readonly baseMs: number
  readonly maxMs: number
  readonly maxEjectionPercent: number
}

/** A model server. */
export interface Upstream {
  readonly name: string
  /** Without a path; `unix:` and a path for a Unix socket. Names the server's connections. */
  readonly origin: string
  /** Of its Unix socket; absent: it is reached over TCP. */
  readonly socketPath?: string | undefined
  readonly kind: ServerKind
  /** May be a public address. */
  readonly remote: boolean
  /** Requests at the same time. */
  readonly concurrent: number
  /** What the server itself asks its callers for. */
  readonly key: string | undefined
}

/** A prefix whose requests go to a model server without inspection. */
export interface PassThroughRule {
  /** Without a slash at its end. */
  readonly prefix: string
  readonly upstream: Upstream
  readonly stripPrefix: boolean
  /** Names of the roles that may use it. */
  readonly roles: ReadonlySet<string>
  readonly methods: ReadonlySet<string>
}

/** What is counted of the models that match a pattern. */
export interface ModelRule {
  /** As the policy writes it; names what is counted. */
  readonly pattern: string
  readonly matches: ModelMatcher
  /** What one of their tokens counts. */
  readonly weight: number
  readonly limits: SharedLimits
}

/** Upper bounds for one request. */
export interface Caps {
  readonly bodyBytes: number
  readonly outputTokens: number
  readonly contextTokens: number
  /** Of one realtime session, in both directions. */
  readonly soundMs: number
  readonly images: number
  readonly imageBytes: number
  /** Answers to one prompt. */
  readonly choices: number
  /** Texts of one request for embeddings. */
  readonly inputs: number
  readonly stops: number
  readonly tools: number
  /** Characters of an answer format. */
  readonly schema: number
  readonly keepAlive: KeepAliveCap
}

/** The admin listener, and who may do what there. */
export interface AdminSettings extends Address {
  readonly socket: SocketRights
  readonly token: string | undefined
  readonly hosts: readonly string[]
  readonly console: boolean
  /** Names of roles and keys that may read in the console. */
  readonly viewers: ReadonlySet<string>
}

/** What a role may change about a model server, if its `routes` name `admin`. */
export interface AdminRights {
  readonly registries: ReadonlySet<string>
  /** Bytes of one blob. */
  readonly blobBytes: number
}

/** What a role's keys may do. */
export interface Role extends Observing<Role> {
  readonly name: string
  readonly routes: ReadonlySet<RouteGroup>
  /** As the policy writes them. */
  readonly models: readonly string[]
  readonly mayUse: ModelMatcher
  /** Whether a tool of this name may be offered to the model, and called by it. Undefined: calls are not gated. */
  readonly mayCall: ((tool: string) => boolean) | undefined
  readonly limits: Limits
  readonly shared: SharedLimits
  readonly person: PersonRule | undefined
  /** One of `Policy.groups`. */
  readonly group: string | undefined
  /** What its keys are for, unless a key says so itself. */
  readonly purpose: string | undefined
  /** What generated responses are marked as. */
  readonly marking: 'off' | 'ai-generated'
  readonly caps: Caps
  readonly trustSystem: boolean
  /** Whether `x-agent-id` and `x-session-id` are recorded. */
  readonly trustIds: boolean
  /** What the log keeps of its texts. */
  readonly content: 'masked' | 'none'
  readonly allow: ReadonlySet<Feature>
  /** Whether a request is refused rather than forwarded without what its caller counts on. */
  readonly strict: boolean
  readonly admin: AdminRights
  /** What single tokens may still use, of a role that was narrowed to one; see `auth/tokens/grant.ts`. */
  readonly budgets: readonly Budget[]
  /** What is said of single calls; `mayCall` is what this caller may make of it. */
  readonly tools: ToolRights | undefined
  /** Whether tool results and documents are marked as data. */
  readonly separate: boolean
  /** The policy's, or what the role has instead; a token keeps those of its key's role. */
  readonly promptGuard: PromptGuard
  readonly outputGuard: OutputGuard
}

/** All that a token, and all tokens that were made from it, may use together. */
export interface Budget {
  /** The token's id. */
  readonly id: string
  readonly requests: number | undefined
  readonly tokens: number | undefined
}

/** What a token may use in its life is counted by day, so that its life must fit into one. */
export const maxTokenMs = 86_400_000
/** Of tokens that are made from one another; they carry the grants of all above them. */
export const deepestTokens = 8

/** For capability tokens. */
export interface TokenRules {
  /** Where nothing else is asked for, and at most. */
  readonly lifeMs: number
  readonly maxMs: number
  /** How many may be made from one another. */
  readonly depth: number
  /** How long a key signs. */
  readonly rotateMs: number
}

/** How prompts are inspected. */
export interface PromptGuard {
  readonly mode: 'enforce' | 'observe' | 'off'
  readonly block: Severity
  readonly flag: Severity
  /** Signatures of the operator's own packs. */
  readonly own: readonly Signature[]
  /** Ids that count for nothing. */
  readonly disable: readonly string[]
  readonly severities: Readonly<Record<string, Severity>>
  /** Where the own packs are: a change there is a change of the policy. */
  readonly packFiles: readonly string[]
  /** The own packs, as they were read, without their examples. */
  readonly packSources: readonly unknown[]
  /** Whether blanks of data are replaced where it is marked. */
  readonly datamark: boolean
  /** Who is asked about what is only flagged. */
  readonly model: GuardModel | undefined
}

/** A model that judges texts. */
export interface GuardModel {
  readonly when: 'flagged' | 'untrusted' | 'all'
  readonly upstream: Upstream
  /** Canonical for this kind of server. */
  readonly name: string
  /** What it is asked, with `{text}` once in it; absent: the text is the question. */
  readonly prompt: string | undefined
  readonly timeoutMs: number
}

/** What is masked as personal data. */
export interface PersonalData {
  /** Of secrets and personal data, with the names of this policy. */
  readonly finder: SensitiveFinder
  /** Which names are masked. */
  readonly names: 'off' | 'known' | 'labelled'
  /** In which these names are listed. */
  readonly namesFile: string | undefined
}

/** What happens to a finding in a response. */
export type OutputAction = 'off' | 'flag' | 'redact' | 'block'

/** How responses are inspected. */
export interface OutputGuard {
  readonly mode: 'enforce' | 'observe' | 'off'
  readonly actions: Readonly<
    Record<
      'secrets' | 'pii' | 'links' | 'controls' | 'canary' | 'injection' | 'scripts' | 'theft' | 'schema',
      OutputAction
    >
  >
  /** What windows look for. */
  readonly sought: {
    readonly secrets: boolean
    readonly pii: boolean
    readonly controls: boolean
    /** The hosts that links may point to; undefined: nobody looks at links. */
    readonly links: readonly string[] | undefined
    /** Of secrets and personal data; absent: what is shipped. */
    readonly finder?: SensitiveFinder
  }
  /** Of secrets and personal data in arguments of tool calls, if another. */
  readonly toolArguments: OutputAction | undefined
  /** Whether any of it changes an answer. */
  readonly alters: boolean
}

/** How long each step of a request may take, in milliseconds. */
export interface Timeouts {
  readonly connectMs: number
  /** Of streams; an answer that is none may take until `totalMs`. */
  readonly firstByteMs: number
  readonly serverSilenceMs: number
  /** 0: no signs of life. */
  readonly keepAliveMs: number
  /** Between two requests of a client's connection. */
  readonly idleMs: number
  readonly totalMs: number
  /** Of realtime sessions: the whole, and without any event. */
  readonly sessionMs: number
  readonly sessionIdleMs: number
  readonly bodyMs: number
  readonly writeMs: number
}

/** How the audit log is kept. */
export interface AuditSettings {
  readonly file: string
  readonly content: 'masked' | 'none'
  readonly pseudonyms: 'off' | 'keyed'
  readonly maxTextBytes: number
  readonly sync: 'each' | 'group' | 'none'
  readonly retentionMs: number
  readonly segmentBytes: number
  readonly checkpoint: { readonly records: number; readonly everyMs: number }
  readonly forward: readonly SinkSettings[]
}

/** Who else gets the records. */
export interface SinkSettings {
  readonly name: string
  readonly url: string
  readonly format: 'jsonl' | 'cef' | 'ecs'
  readonly content: 'masked' | 'none'
  readonly token?: string
}

/** What proves that a model is the one that was tested. */
export interface ModelTrust {
  /** The lock file, as an absolute path. */
  readonly lockFile: string
  /** Empty: models need not prove anything. */
  readonly require: ReadonlySet<'digest' | 'suite'>
  readonly onDrift: 'refuse' | 'flag'
  readonly suite: { readonly name: string; readonly maxAgeMs: number } | undefined
  /** The key that signs passed runs, as an absolute path; its public half is in `FILE.pub`. */
  readonly signingFile: string
  readonly tools: 'off' | 'pin'
}

/** The compiled policy. */
export interface Policy {
  /** Twelve hex digits of the SHA-256 of the file with its variables as written. */
  readonly version: string
  readonly listen: Address & {
    /** Who may connect to its Unix socket. */
    readonly socket: SocketRights
    /** Before all paths; empty, or `/…` without a slash at its end. */
    readonly prefix: string
    readonly cors: CorsSettings
    readonly tls: TlsSettings | undefined
  }
  readonly admin: AdminSettings
  readonly store: {
    readonly redis: RedisServers | undefined
    readonly onFailure: 'refuse' | 'local'
    readonly timeoutMs: number
  }
  readonly limits: SharedLimits
  /** In the order of the file: the first that matches counts. */
  readonly models: readonly ModelRule[]
  readonly modelTrust: ModelTrust
  /** The first that matches a model applies. */
  readonly prices: readonly Price[]
  readonly groups: ReadonlyMap<string, GroupBudget>
  readonly upstreams: readonly [Upstream, ...Upstream[]]
  readonly outlierDetection: OutlierDetection
  /** Prefixes whose requests go to a model server unread. */
  readonly passThrough: readonly PassThroughRule[]
  readonly keysFile: string
  /** Whether the file is a copy of what is in Redis. */
  readonly keysInRedis: boolean
  readonly tokens: TokenRules
  readonly jwt: readonly TokenIssuer[]
  /** In the order of the file: the first that matches counts. */
  readonly certificates: readonly CertificateRule[]
  readonly roles: ReadonlyMap<string, Role>
  readonly promptGuard: PromptGuard
  /** What of its findings counts for nothing. */
  readonly exceptions: Exceptions
  readonly approval: ApprovalSettings
  readonly anomalies: AnomalySettings
  readonly outputGuard: OutputGuard
  readonly personalData: PersonalData
  /** Units of work that all guards may take for one request. */
  readonly guardBudget: number
  /** By name of the tool. */
  readonly sandbox: ReadonlyMap<string, ToolProfile>
  /** Names that clients use → names of models, as written. */
  readonly aliases: ReadonlyMap<string, string>
  readonly door: {
    readonly failuresPerMinute: number
    readonly connections: number
    /** Whose word on where a request comes from is believed. */
    readonly proxies: Networks
    /** What stands for the address of a client that has none: `unix` where the listener is a Unix socket. */
    readonly unnamed: string
  }
  /** What requests may hold together; undefined: a share of what there is. */
  readonly memoryBudgetBytes: number | undefined
  readonly timeouts: Timeouts
  /** Who waits for a model server: how many, how long. */
  readonly queue: { readonly size: number; readonly waitMs: number }
  readonly audit: AuditSettings
  /** What `${file:PATH}` was read from. */
  readonly secretFiles: readonly string[]
  readonly logLevel: string
  /** Whether lines of the log name callers' addresses. */
  readonly logAddresses: 'masked' | 'plain'
  readonly telemetry: TelemetrySettings
  /** Processes that serve requests. */
  readonly workers: number
  /** Whether its tests must pass before it is taken. */
  readonly mustPassTests: boolean
  readonly shutdown: { readonly noticeMs: number; readonly graceMs: number }
  /** What the operator should know, such as features that are asked for and not built yet. */
  readonly warnings: readonly string[]
}
