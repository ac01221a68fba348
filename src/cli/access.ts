/**
 * `torwart access`: lists who may do what, broadest rights first, because those can do the most harm. It answers the first
 * question of an auditor.
 */

import { readKeyFile } from '../auth/api-keys/key-file.ts'
import { keyView } from '../auth/api-keys/key-view.ts'
import { readUses, type Uses, usesFile } from '../auth/api-keys/usage.ts'
import { jwtPrefix } from '../auth/jwt/jwt.ts'
import { certificateId } from '../auth/mtls/certificate.ts'
import { csv } from '../core/csv.ts'
import { plain } from '../core/plain.ts'
import { type Row, table } from '../core/table.ts'
import { limitsInWords } from '../pipeline/explain.ts'
import type { CertificateRule, TokenIssuer } from '../policy/callers.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy, Role } from '../policy/policy.ts'
import { type Command, configOption, type ExitCode, jsonOption, textOf } from './command.ts'

const columns = [
  'kind',
  'id',
  'name',
  'role',
  'status',
  'routes',
  'models',
  'tools',
  'limits',
  'from',
  'expires',
  'lastUsed',
  'guards',
] as const

/** The holder of a role: a key, or the callers that a rule of the policy accepts. */
type Holder = Omit<Access, 'routes' | 'models' | 'tools' | 'limits' | 'guards'>

interface Access {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly role: string
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

/** The command `torwart access`. */
export const access: Command = {
  options: [configOption, jsonOption, { flags: '--csv', description: 'print comma-separated values' }],
  run(values, io): ExitCode {
    const now = Date.now()
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const uses = readUses(usesFile(policy.keysFile))
    const keys = readKeyFile(policy.keysFile).map((entry) => keyView(entry, uses, now))
    const holders = [
      ...keys.map(({ networks, ...key }): Holder => ({ ...key, kind: 'key', from: networks })),
      ...policy.certificates.map((rule) => holderByRule(rule, uses)),
      ...policy.jwt.flatMap((issuer) => holdersByIssuer(issuer, policy, uses)),
    ]
    const rows = holders
      .map(({ kind, id, name, role: named, status, from, expires, lastUsed }) => {
        const role = policy.roles.get(named)
        const of = { kind, id, name, role: named, status, ...rightsOf(role), from, expires, lastUsed }
        return { of, width: widthOf(role, status === 'active', from.length > 0) }
      })
      .toSorted((a, b) => wider(a.width, b.width))
      .map(({ of }): Access => of)
    if (values.json) io.out(`${JSON.stringify(rows)}\n`)
    else io.out(values.csv ? csv(columns, rows.map(flat)) : inWords(rows))
    return 0
  },
}

/** Joins lists into single cells. */
function flat(row: Access): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(' ') : (value ?? (name === 'tools' ? 'any' : null)),
    ]),
  )
}

const widest = 100

/** Prints the holders as a table, followed by the rights of each role. */
function inWords(rows: readonly Access[]): string {
  const from = rows.some((row) => row.from.length > 0) ? ['from'] : []
  const holders = rows.map((row) => ({
    ...flat(row),
    from: row.from.join(' ') || null,
    expires: row.expires?.slice(0, dayLength),
    used: row.lastUsed?.slice(0, dayLength),
  }))
  const roles = new Map(rows.map((row) => [row.role, row]))
  return [
    table(['kind', 'id', 'name', 'role', 'status', ...from, 'expires', 'used'], holders, widest),
    ...[...roles].map(([name, row]) => roleInWords(name, row)),
  ].join('\n')
}

const dayLength = '2026-01-01'.length

function roleInWords(name: string, { routes, models, tools, limits, guards }: Access): string {
  const lines = [
    ['routes', routes],
    ['models', models],
    ['tools', tools ?? ['any']],
    ['limits', limits],
    ['guards', guards],
  ] as const
  return `role ${plain(name)}\n${lines.map(([what, words]) => `  ${what.padEnd(6)}  ${folded(words.map(plain), 10)}\n`).join('')}`
}

/** Wraps words into lines. @param indent of all lines but the first */
function folded(words: readonly string[], indent: number): string {
  const lines: string[] = ['']
  for (const [index, word] of words.entries()) {
    const text = index < words.length - 1 ? `${word},` : word
    const line = lines.at(-1) ?? ''
    if (line !== '' && indent + line.length + 1 + text.length > widest) lines.push(text)
    else lines[lines.length - 1] = line === '' ? text : `${line} ${text}`
  }
  return words.length === 0 ? '-' : lines.join(`\n${' '.repeat(indent)}`)
}

const always = { status: 'active', from: [], expires: null } as const

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

function guardsInWords({ promptGuard, outputGuard }: Role): string[] {
  const { mode, block, flag } = promptGuard
  const { actions, toolArguments } = outputGuard
  const asked = mode === 'off' ? 'prompt off' : `prompt ${mode} (block ${block}, flag ${flag})`
  if (outputGuard.mode === 'off') return [asked, 'output off']
  const said = Object.entries({ ...actions, ...(toolArguments && { toolArguments }) })
  return [asked, `output ${outputGuard.mode}`, ...said.map(([what, action]) => `${what} ${action}`)]
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
