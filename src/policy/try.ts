/** A policy that is tried out: judged as if it stood in the policy file, but it may read nothing that the policy in force does not. */
import { dirname, relative, resolve } from 'node:path'
import { loadPolicy } from './load.ts'
import { openPolicy, type PastedPolicy, type Variables } from './locate.ts'
import type { Policy } from './policy.ts'
import { PolicyError, type Problem } from './problem.ts'
import { redacted } from './redact.ts'

/** A policy without errors, and what it warns of. */
export interface TriedPolicy {
  readonly policy: Policy
  readonly warnings: readonly Problem[]
}

/** Files elsewhere that are told of. */
const maxTold = 20

/** Keys whose values name files that are read. */
const fileKeys: ReadonlySet<string> = new Set([
  'cert',
  'key',
  'clientCa',
  'crl',
  'ca',
  'publicKey',
  'file',
  'packs',
  'lock',
  'namesFile',
  'signing',
])

/**
 * Compiles a pasted policy.
 * @param file the policy file in whose place it is tried
 * @param inForce text of the policy in force, whose files it may name
 * @throws PolicyError
 */
export function tryPolicy(
  text: string,
  file: string,
  variables: Variables,
  inForce: { readonly text: string; readonly policy: Policy },
): TriedPolicy {
  const allowed = new Set(inForce.policy.secretFiles)
  const values = new Set<string>()
  const paste = (pasted: string): PastedPolicy => ({
    text: pasted,
    mayRead: (path) => allowed.has(path),
    onValue: (value) => values.add(value),
  })
  const filesOf = (pasted: string) => filesIn(openPolicy(file, variables, paste(pasted)).source.value)
  const strange = filesOutside(filesOf(text), text, file, new Set(filesOf(inForce.text)))
  if (strange.length > 0) throw new PolicyError(strange)
  const tell = withoutValues(values)
  try {
    const { policy, warnings } = loadPolicy(file, variables, paste(text))
    return { policy, warnings: warnings.map(tell) }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    throw new PolicyError(error.problems.map(tell), error.warnings.map(tell))
  }
}

/** A name that was made of a variable or a file must not show in a message what that holds. */
function withoutValues(values: ReadonlySet<string>): (problem: Problem) => Problem {
  // A value within a longer one must not be replaced first, which would leave the rest.
  const longestFirst = [...values].filter((value) => value !== '').toSorted((a, b) => b.length - a.length)
  return (problem) => ({
    ...problem,
    message: longestFirst.reduce((message, value) => message.replaceAll(value, redacted), problem.message),
  })
}

/** Files elsewhere: what is wrong in them, or whether they are there, is nobody's business who has not named them. */
function filesOutside(
  paths: readonly string[],
  text: string,
  file: string,
  known: ReadonlySet<string>,
): Problem[] {
  const folder = dirname(resolve(file))
  const isOutside = (path: string) => relative(folder, resolve(folder, path)).startsWith('..')
  return paths
    .filter((path) => !known.has(path) && isOutside(path))
    .slice(0, maxTold)
    .map((path): Problem => {
      const at = text.slice(0, Math.max(0, text.indexOf(path))).split('\n')
      const message =
        'a file outside the policy’s folder that the policy in force does not name cannot be tried here: run `torwart check` and `torwart replay` on the host'
      return { file, line: at.length, column: (at.at(-1)?.length ?? 0) + 1, message, severity: 'error' }
    })
}

/** Lists the paths that a policy names, with its variables expanded; rules for tools name other files. */
function filesIn(policy: unknown): string[] {
  const found: string[] = []
  const walk = (value: unknown, key: string, path: readonly string[]): void => {
    if (typeof value === 'string' && fileKeys.has(key)) found.push(value)
    if (typeof value !== 'object' || value === null) return
    const isRole = path.length === 2 && path[0] === 'roles'
    for (const [name, inner] of Object.entries(value))
      if (!(isRole && name === 'tools')) walk(inner, Array.isArray(value) ? key : name, [...path, name])
  }
  walk(policy, '', [])
  return found
}
