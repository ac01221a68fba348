/** From a path to a policy. */
import { dirname, resolve } from 'node:path'
import type { RedisServers } from '../core/redis-servers.ts'
import { compile, versionOf } from './compile.ts'
import { exceptionsFile, readExceptions } from './exceptions.ts'
import { hasSharedKeys, openPolicy, type PastedPolicy, type Variables } from './locate.ts'
import type { Policy } from './policy.ts'
import { PolicyError, type Problem } from './problem.ts'
import type { Config } from './schema/schema.ts'
import type { Source } from './source.ts'
import { validate } from './validate.ts'

/** A policy, and what it was read from. */
export interface LoadedPolicy {
  readonly policy: Policy
  readonly warnings: readonly Problem[]
  readonly text: string
  /** What the file says, with defaults filled in. */
  readonly config: Config
  readonly source: Source
}

/**
 * Reads, expands, validates and compiles a policy file.
 * @param given tried out instead of what stands in the file
 * @throws PolicyError with every error there is, and what would be warned of
 */
export function loadPolicy(file: string, variables: Variables, given?: PastedPolicy): LoadedPolicy {
  const { source, secretFiles } = openPolicy(file, variables, given)
  const { config, problems, missing, isWrong } = validate(source)
  const { brokenFrom } = source
  if (brokenFrom !== undefined) {
    // Of what stands before, only what the line itself shows is certain.
    const certain = problems.filter(({ line }) => line < brokenFrom)
    throw new PolicyError(inOrder(withoutEchoes(source.problems, certain)))
  }
  const folder = dirname(resolve(file))
  const exceptions = exceptionsOf(file)
  // Without any, the version is what it was before there were exceptions.
  const version = versionOf([source.text, exceptions.text].filter((text) => text !== ''))
  const isFlawed = source.problems.length + problems.length + missing.length > 0
  const origin = { source, folder, version, secretFiles, exceptions, isWrong, isFlawed }
  const { policy, errors, warnings } = compile(config, origin)
  if (policy === undefined)
    throw new PolicyError(
      inOrder(withoutEchoes(source.problems, [...problems, ...missing, ...errors])),
      inOrder(warnings),
    )
  return { policy, warnings: inOrder(warnings), text: source.text, config, source }
}

/** @throws PolicyError */
function exceptionsOf(policyFile: string): ReturnType<typeof readExceptions> {
  try {
    return readExceptions(policyFile)
  } catch (cause) {
    const message = cause instanceof TypeError ? cause.message : `cannot be read: ${String(cause)}`
    const file = exceptionsFile(policyFile)
    throw new PolicyError([{ file, line: 1, column: 1, message, severity: 'error' }])
  }
}

/** Where a variable is not set, or no YAML stands, a value is wrong only because of that. */
function withoutEchoes(first: readonly Problem[], others: readonly Problem[]): Problem[] {
  const placeOf = ({ line, column }: Problem) => `${line}:${column}`
  const told = new Set(first.map(placeOf))
  return [...first, ...others.filter((problem) => !told.has(placeOf(problem)))]
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
