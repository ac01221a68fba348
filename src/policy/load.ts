/** From a path to a policy. */
import { dirname, resolve } from 'node:path'
import type { RedisServers } from '../core/redis-servers.ts'
import { compile, versionOf } from './compile.ts'
import { hasSharedKeys, openPolicy, type Variables } from './locate.ts'
import type { Policy } from './policy.ts'
import { PolicyError, type Problem } from './problem.ts'
import { validate } from './validate.ts'

/**
 * Reads, expands, validates and compiles a policy file.
 * @returns the policy and its warnings
 * @throws PolicyError with every error there is
 */
export function loadPolicy(
  file: string,
  variables: Variables,
): { policy: Policy; warnings: readonly Problem[] } {
  const { source, secretFiles } = openPolicy(file, variables)
  if (source.value === undefined) throw new PolicyError(source.problems)
  const { config, problems } = validate(source)
  const mistakes = [...source.problems, ...problems]
  const version = versionOf([source.text])
  const compiled = config && compile(config, { source, folder: dirname(resolve(file)), version, secretFiles })
  if (mistakes.length > 0 || !compiled || !('policy' in compiled))
    throw new PolicyError(inOrder(withoutEchoes([...mistakes, ...(compiled?.problems ?? [])])))
  return { policy: compiled.policy, warnings: inOrder(compiled.problems) }
}

/** One mistake a place: where a variable is not set, the value is wrong only because of that. */
function withoutEchoes(problems: readonly Problem[]): Problem[] {
  const errors = problems.filter(({ severity }) => severity === 'error')
  const first = new Map<string, Problem>()
  for (const problem of errors) {
    const place = `${problem.line}:${problem.column}`
    if (!first.has(place)) first.set(place, problem)
  }
  return [...first.values()]
}

/**
 * The Redis that has the keys, if the policy says that one has.
 * @returns `unknown` if the policy has mistakes
 */
export function locateSharedKeys(file: string, variables: Variables): RedisServers | undefined | 'unknown' {
  if (!hasSharedKeys(file, variables)) return undefined
  try {
    return loadPolicy(file, variables).policy.store.redis
  } catch {
    return 'unknown'
  }
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}
