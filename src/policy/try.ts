/** A policy that is tried out: judged as if it stood in the policy file, but it may read nothing that the policy in force does not. */
import { dirname, relative, resolve } from 'node:path'
import { parse } from 'yaml'
import { loadPolicy } from './load.ts'
import type { Variables } from './locate.ts'
import type { Policy } from './policy.ts'
import { PolicyError, type Problem } from './problem.ts'
import { redacted } from './redact.ts'

/** A policy without errors, and what it warns of. */
export interface TriedPolicy {
  readonly policy: Policy
  readonly warnings: readonly Problem[]
}

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
  const strange = filesOutside(text, file, new Set(filesIn(inForce.text)))
  if (strange.length > 0) throw new PolicyError(strange)
  const mayRead = (path: string) => allowed.has(path)
  const tell = withoutValues(text, variables)
  try {
    const { policy, warnings } = loadPolicy(file, variables, { text, mayRead })
    return { policy, warnings: warnings.map(tell) }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    throw new PolicyError(error.problems.map(tell), error.warnings.map(tell))
  }
}

/** A name that was made of a variable must not show in a message what the variable holds. */
function withoutValues(text: string, variables: Variables): (problem: Problem) => Problem {
  const names = Array.from(text.matchAll(/\$\{([^}:]+)/g), ([, name = '']) => name)
  const values = names.flatMap((name) => variables[name] || [])
  return (problem) => ({
    ...problem,
    message: values.reduce((message, value) => message.replaceAll(value, redacted), problem.message),
  })
}

/** Files elsewhere: what is wrong in them, or whether they are there, is nobody's business who has not named them. */
function filesOutside(text: string, file: string, known: ReadonlySet<string>): Problem[] {
  const folder = dirname(resolve(file))
  const isOutside = (path: string) => relative(folder, resolve(folder, path)).startsWith('..')
  return filesIn(text)
    .filter((path) => !known.has(path) && isOutside(path))
    .map((path): Problem => {
      const at = text.slice(0, Math.max(0, text.indexOf(path))).split('\n')
      const message =
        'a file outside the policy’s folder that the policy in force does not name cannot be tried here: run `torwart check` and `torwart replay` on the host'
      return { file, line: at.length, column: (at.at(-1)?.length ?? 0) + 1, message, severity: 'error' }
    })
}

/** Lists the paths that a policy names, except within rules for tools, which name other files. */
function filesIn(text: string): string[] {
  const found: string[] = []
  const walk = (value: unknown, key: string): void => {
    if (typeof value === 'string' && fileKeys.has(key) && !value.includes('${')) found.push(value)
    if (typeof value !== 'object' || value === null) return
    for (const [name, inner] of Object.entries(value))
      if (name !== 'tools') walk(inner, Array.isArray(value) ? key : name)
  }
  try {
    walk(parse(text, { uniqueKeys: false, logLevel: 'silent' }), '')
  } catch {
    // What is no YAML names nothing; its errors are told by who reads it.
  }
  return found
}
