/**
 * The compiled policy: what the gate asks while it works. Immutable; one request sees one of them from
 * beginning to end. Units are in the names, sets are sets, patterns are functions.
 */

import type { RedisServers } from '../core/redis-servers.ts'
import type { ServerKind } from '../core/servers.ts'
import type { Severity } from '../core/text.ts'
import type { Feature, RouteGroup } from '../dialects/dialect.ts'
import type { ModelMatcher } from '../models/match.ts'
import type { Signature } from '../scan/signature.ts'

export interface Address {
  readonly host: string
  readonly port: number
  readonly loopback: boolean
}

export interface Upstream {
  readonly name: string
  /** Without a path. */
  readonly origin: string
  readonly kind: ServerKind
  /** May be a public address. */
  readonly remote: boolean
  /** Requests at the same time. */
  readonly concurrent: number
  /** What the server itself asks its callers for. */
  readonly key: string | undefined
}

/** What several callers may have together. Absent: unlimited. */
export interface SharedLimits {
  readonly requestsPerMinute: number | undefined
  readonly tokensPerMinute: number | undefined
  readonly tokensPerDay: number | undefined
  readonly concurrent: number | undefined
}

/** What one key may have. */
export interface Limits extends SharedLimits {
  readonly probesPerMinute: number | undefined
  readonly actionsPerMinute: number | undefined
  readonly repetition: Repetition | undefined
}

export interface Repetition {
  /** The same thing may come so often in the window. */
  readonly same: number
  readonly windowMs: number
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

export interface Caps {
  readonly bodyBytes: number
  readonly outputTokens: number
  readonly contextTokens: number
  readonly images: number
  readonly imageBytes: number
  /** Answers to one prompt. */
  readonly choices: number
  readonly stops: number
  readonly tools: number
  /** Characters of an answer format. */
  readonly schema: number
}

/** What a role may change about a model server, if its `routes` name `admin`. */
export interface AdminRights {
  readonly registries: ReadonlySet<string>
  /** Bytes of one blob. */
  readonly blobBytes: number
}

export interface Role {
  readonly name: string
  readonly routes: ReadonlySet<RouteGroup>
  readonly mayUse: ModelMatcher
  readonly limits: Limits
  readonly shared: SharedLimits
  readonly caps: Caps
  readonly trustSystem: boolean
  readonly allow: ReadonlySet<Feature>
  readonly admin: AdminRights
}

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
}

export interface Timeouts {
  readonly connectMs: number
  readonly firstByteMs: number
  readonly idleMs: number
  readonly totalMs: number
  readonly bodyMs: number
  readonly writeMs: number
}

export interface AuditSettings {
  readonly file: string
  readonly content: 'masked' | 'none'
  readonly maxTextBytes: number
  readonly sync: 'each' | 'group' | 'none'
}

export interface Policy {
  /** Twelve hex digits of the SHA-256 of the file with its variables as written. */
  readonly version: string
  readonly listen: Address & { readonly tls: TlsSettings | undefined }
  readonly admin: Address & { readonly token: string | undefined; readonly hosts: readonly string[] }
  readonly store: {
    readonly redis: RedisServers | undefined
    readonly onFailure: 'refuse' | 'local'
    readonly timeoutMs: number
  }
  readonly limits: SharedLimits
  /** In the order of the file: the first that matches counts. */
  readonly models: readonly ModelRule[]
  readonly upstreams: readonly [Upstream, ...Upstream[]]
  readonly keysFile: string
  readonly roles: ReadonlyMap<string, Role>
  readonly promptGuard: PromptGuard
  /** Names that clients use → names of models, as written. */
  readonly aliases: ReadonlyMap<string, string>
  readonly door: { readonly failuresPerMinute: number; readonly connections: number }
  readonly timeouts: Timeouts
  /** Who waits for a model server: how many, how long. */
  readonly queue: { readonly size: number; readonly waitMs: number }
  readonly audit: AuditSettings
  readonly logLevel: string
  readonly shutdownGraceMs: number
  /** What the operator should know, such as features that are asked for and not built yet. */
  readonly warnings: readonly string[]
}

export interface TlsSettings {
  readonly cert: string
  readonly key: string
  readonly clientCa: string | undefined
  readonly clientCert: 'optional' | 'required'
}
