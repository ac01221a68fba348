/**
 * `torwart access`: lists who may do what, broadest rights first, because those can do the most harm. It answers the first
 * question of an auditor.
 */

import { readKeyFile } from '../auth/api-keys/key-file.ts'
import { readUses, usesFile } from '../auth/api-keys/usage.ts'
import { csv } from '../core/csv.ts'
import { plain } from '../core/plain.ts'
import { type Row, table } from '../core/table.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Access, accessRows } from '../rights/access.ts'
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
  'purpose',
] as const

/** The command `torwart access`. */
export const access: Command = {
  options: [configOption, jsonOption, { flags: '--csv', description: 'print comma-separated values' }],
  run(values, io): ExitCode {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const uses = readUses(usesFile(policy.keysFile))
    const rows = accessRows(policy, readKeyFile(policy.keysFile), uses, Date.now())
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
  const purpose = rows.some((row) => row.purpose !== null) ? ['purpose'] : []
  const holders = rows.map((row) => ({
    ...flat(row),
    from: row.from.join(' ') || null,
    expires: row.expires?.slice(0, dayLength),
    used: row.lastUsed?.slice(0, dayLength),
  }))
  const roles = new Map(rows.map((row) => [row.role, row]))
  return [
    table(['kind', 'id', 'name', 'role', ...purpose, 'status', ...from, 'expires', 'used'], holders, widest),
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
