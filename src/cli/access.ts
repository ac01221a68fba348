/**
 * `torwart access`: who may do what, the widest first. The first thing an auditor asks, and the first thing an operator
 * should look at: whatever stands on top can do most harm.
 */

import { readKeyFile } from '../identity/key-file.ts'
import { keyView } from '../identity/key-view.ts'
import { readUses, usesFile } from '../identity/uses.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Role } from '../policy/policy.ts'
import { limitsInWords } from '../stages/explain.ts'
import { type Command, configOption, type ExitCode, jsonOption, textOf } from './command.ts'
import { csv, table } from './table.ts'

const columns = [
  'kind',
  'id',
  'name',
  'role',
  'status',
  'routes',
  'models',
  'limits',
  'from',
  'expires',
  'lastUsed',
] as const

interface Access {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly role: string
  readonly routes: readonly string[]
  readonly models: readonly string[]
  readonly limits: readonly string[]
  readonly from: readonly string[]
  readonly expires: string | null
  readonly lastUsed: string | null
  readonly status: string
}

export const access: Command = {
  name: 'access',
  summary: 'list who may do what, the widest rights first',
  options: [configOption, jsonOption, { flags: '--csv', description: 'print comma-separated values' }],
  run(values, io): ExitCode {
    const now = Date.now()
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const uses = readUses(usesFile(policy.keysFile))
    const rows = readKeyFile(policy.keysFile)
      .map((entry) => keyView(entry, uses, now))
      .map(({ networks, ...key }): Access & { width: readonly number[] } => {
        const role = policy.roles.get(key.role)
        const { id, name, expires, lastUsed, status } = key
        const of = { kind: 'key', id, name, role: key.role, expires, lastUsed, status, from: networks }
        return { ...of, ...rightsOf(role), width: widthOf(role, status === 'active', networks.length > 0) }
      })
      .toSorted((a, b) => wider(a.width, b.width))
      .map(({ width: _, ...row }) => row)
    if (values.json) io.out(`${JSON.stringify(rows)}\n`)
    else {
      const flat = rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [name, Array.isArray(value) ? value.join(' ') : value]),
        ),
      )
      io.out(values.csv ? csv(columns, flat) : table(columns, flat))
    }
    return 0
  },
}

function rightsOf(role: Role | undefined): Pick<Access, 'routes' | 'models' | 'limits'> {
  if (!role) return { routes: [], models: [], limits: [] }
  return { routes: [...role.routes], models: role.models, limits: limitsInWords(role.limits) }
}

/** The heavier a number, the further to the left. */
function widthOf(role: Role | undefined, isActive: boolean, isBound: boolean): readonly number[] {
  if (!role || !isActive) return [0]
  const wildcards = role.models.filter((pattern) => pattern.includes('*')).length
  return [
    1,
    role.routes.has('admin') ? 1 : 0,
    role.models.some((pattern) => /^\**$/.test(pattern)) ? 1 : 0,
    role.routes.size + role.allow.size,
    wildcards,
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
