/** Who may do what: keys and the callers that rules of the policy accept, the broadest rights first. */

import type { KeyEntry } from '../auth/api-keys/key-file.ts'
import { keyView } from '../auth/api-keys/key-view.ts'
import type { Uses } from '../auth/api-keys/usage.ts'
import { jwtPrefix } from '../auth/jwt/jwt.ts'
import { certificateId } from '../auth/mtls/certificate.ts'
import type { CertificateRule, TokenIssuer } from '../policy/callers.ts'
import type { Policy, Role } from '../policy/policy.ts'
import { limitsInWords } from './explain.ts'

/** The holder of a role: a key, or the callers that a rule of the policy accepts. */
type Holder = Omit<Access, 'routes' | 'models' | 'tools' | 'limits' | 'guards'>

/** A holder with its rights. */
export interface Access {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly role: string
  /** What it is for, by the key or else by its role. */
  readonly purpose: string | null
  readonly routes: readonly string[]
  readonly models: readonly string[]
  /** Patterns; those that need approval end in `?`. Null: tool calls are not restricted. */
  readonly tools: readonly string[] | null
  readonly limits: readonly string[]
  /** Modes and actions of the guards, in words. */
  readonly guards: readonly string[]
  readonly from: readonly string[]
  readonly expires: string | null
  readonly lastUsed: string | null
  readonly status: string
}

/** Lists holders with their rights, broadest first, because those can do the most harm. @param uses when each was used last */
export function accessRows(
  policy: Policy,
  entries: readonly KeyEntry[],
  uses: Uses,
  nowMs: number,
): readonly Access[] {
  const keys = entries.map((entry) => keyView(entry, uses, nowMs))
  const holders = [
    ...keys.map(({ networks, ...key }): Holder => ({ ...key, kind: 'key', from: networks })),
    ...policy.certificates.map((rule) => holderByRule(rule, uses)),
    ...policy.jwt.flatMap((issuer) => holdersByIssuer(issuer, policy, uses)),
  ]
  return holders
    .map(({ kind, id, name, role: named, purpose: own, status, from, expires, lastUsed }) => {
      const role = policy.roles.get(named)
      const purpose = own ?? role?.purpose ?? null
      const of = { kind, id, name, role: named, purpose, status, ...rightsOf(role), from, expires, lastUsed }
      return { of, width: widthOf(role, status === 'active', from.length > 0) }
    })
    .toSorted((a, b) => wider(a.width, b.width))
    .map(({ of }): Access => of)
}

const always = { status: 'active', purpose: null, from: [], expires: null } as const

function holderByRule({ kind, pattern, name, role }: CertificateRule, uses: Uses): Holder {
  const known = certificateId(kind, pattern)
  const lastUsed = lastOf(uses, (id) => id === known)
  return { ...always, kind: 'certificate', id: `${kind}:${pattern}`, name, role, lastUsed }
}

/** Lists every role that a token of this issuer may have: a claim may name any role, unless the policy maps its values. */
function holdersByIssuer(issuer: TokenIssuer, { roles }: Policy, uses: Uses): Holder[] {
  const mapped = issuer.roles.map(([, role]) => role)
  const possible = issuer.role !== undefined ? [issuer.role] : mapped.length > 0 ? mapped : [...roles.keys()]
  const prefix = jwtPrefix(issuer.issuer)
  const lastUsed = lastOf(uses, (id) => id.startsWith(`${prefix}:`))
  return [...new Set(possible)].map((role) => ({
    ...always,
    kind: 'jwt',
    id: issuer.issuer,
    name: issuer.roleClaim === undefined ? 'all its subjects' : `by claim \`${issuer.roleClaim}\``,
    role,
    lastUsed,
  }))
}

function lastOf(uses: Uses, isMeant: (id: string) => boolean): string | null {
  const times = [...uses].filter(([id]) => isMeant(id)).map(([, { last }]) => last)
  return times.length === 0 ? null : new Date(Math.max(...times)).toISOString()
}

function rightsOf(role: Role | undefined): Pick<Access, 'routes' | 'models' | 'tools' | 'limits' | 'guards'> {
  if (!role) return { routes: [], models: [], tools: [], limits: [], guards: [] }
  const { routes, models, tools, limits } = role
  const named = tools && [...tools.allow, ...tools.approve.map((pattern) => `${pattern}?`)]
  const guards = guardsInWords(role)
  return { routes: [...routes], models, tools: named ?? null, limits: limitsInWords(limits), guards }
}

function guardsInWords(role: Role): string[] {
  const { promptGuard, outputGuard } = role
  const { mode, block, flag } = promptGuard
  const { actions, toolArguments } = outputGuard
  const observed = observesInWords(role)
  const asked = mode === 'off' ? 'prompt off' : `prompt ${mode} (block ${block}, flag ${flag})`
  if (outputGuard.mode === 'off') return [asked, 'output off', ...observed]
  const said = Object.entries({ ...actions, ...(toolArguments && { toolArguments }) })
  return [
    asked,
    `output ${outputGuard.mode}`,
    ...said.map(([what, action]) => `${what} ${action}`),
    ...observed,
  ]
}

function observesInWords({ observesLimits, observesTools, canary }: Role): string[] {
  return [
    ...(observesLimits ? ['limits observe'] : []),
    ...(observesTools ? ['tools observe'] : []),
    ...(canary ? [`enforced for ${Math.round(canary.share * 100)} % of keys`] : []),
  ]
}

/** Measures how broad rights are, most important number first. */
function widthOf(role: Role | undefined, isActive: boolean, isBound: boolean): readonly number[] {
  if (!role || !isActive) return [0]
  const wildcards = role.models.filter((pattern) => pattern.includes('*')).length
  return [
    1,
    role.routes.has('admin') ? 1 : 0,
    role.models.some((pattern) => /^\**$/.test(pattern)) ? 1 : 0,
    role.routes.size + role.allow.size,
    wildcards,
    role.tools === undefined ? 1 : 0,
    role.limits.tokensPerDay === undefined ? 1 : 0,
    role.limits.actionsPerMinute === undefined ? 1 : 0,
    isBound ? 0 : 1,
    role.models.length,
  ]
}

function wider(a: readonly number[], b: readonly number[]): number {
  for (const [index, number] of a.entries()) if (number !== b[index]) return (b[index] ?? 0) - number
  return 0
}
