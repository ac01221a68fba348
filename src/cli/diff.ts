/** `torwart diff`: what another policy would change, in sentences. */
import { type KeyEntry, readKeyFile } from '../auth/api-keys/key-file.ts'
import { loadPolicy } from '../policy/load.ts'
import { diffPolicies, type PolicyDiff } from '../rights/diff/diff.ts'
import { type Command, type ExitCode, jsonOption } from './command.ts'

const titles = {
  widened: 'Callers may do more:',
  narrowed: 'Callers may do less:',
  other: 'Otherwise different:',
} as const satisfies Record<keyof PolicyDiff, string>

/** The command `torwart diff`. */
export const diff: Command = {
  argument: '<old> <new>',
  options: [jsonOption],
  run(values, io, old = '', now = ''): ExitCode {
    const [before, after] = [loadPolicy(old, io.variables), loadPolicy(now, io.variables)]
    const keys: readonly KeyEntry[] = readKeyFile(after.policy.keysFile)
    const found = diffPolicies(before, after, keys, Date.now())
    const isSame = Object.values(found).every((each) => each.length === 0)
    if (values.json) io.out(`${JSON.stringify(found)}\n`)
    else io.out(isSame ? 'They mean the same.\n' : inWords(found))
    return isSame ? 0 : 1
  },
}

function inWords(found: PolicyDiff): string {
  const kinds = ['widened', 'narrowed', 'other'] as const
  const parts = kinds.flatMap((kind) => {
    const lines = found[kind].map(({ sentence }) => `  ${sentence}\n`)
    return lines.length === 0 ? [] : [`${titles[kind]}\n${lines.join('')}`]
  })
  return parts.join('\n')
}
