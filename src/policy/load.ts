/** From a path to a policy. The only place that reads policy files. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { RedisServers } from '../core/redis-servers.ts'
import { compile, versionOf } from './compile.ts'
import type { Policy } from './policy.ts'
import { PolicyError, type Problem } from './problem.ts'
import { standardAuditFile, standardKeysFile } from './schema/schema.ts'
import { type Path, readSource, type Source } from './source.ts'
import { validate } from './validate.ts'

export type Variables = Readonly<Record<string, string | undefined>>

/**
 * Reads, expands, validates and compiles a policy file.
 * @returns the policy and its warnings
 * @throws PolicyError with every error there is
 */
export function loadPolicy(
  file: string,
  variables: Variables,
): { policy: Policy; warnings: readonly Problem[] } {
  const { source, secretFiles } = open(file, variables)
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

/** Where the audit log is, read in the same way as `locateKeys` reads. @throws PolicyError */
export function locateAudit(file: string, variables: Variables): string {
  return locate(file, variables, ['audit', 'file'], standardAuditFile)
}

/**
 * Where the keys are, read from a policy that may have mistakes anywhere else: a leaked key must not wait for
 * them to be mended.
 * @throws PolicyError if not even that can be read
 */
export function locateKeys(file: string, variables: Variables): string {
  return locate(file, variables, ['keys', 'file'], standardKeysFile)
}

/**
 * The Redis that has the keys, if the policy says that one has.
 * @returns `unknown` if the policy has mistakes
 */
export function locateSharedKeys(file: string, variables: Variables): RedisServers | undefined | 'unknown' {
  // A variable always expands to a text.
  if (String(open(file, variables).source.at(['keys', 'redis'])) !== 'true') return undefined
  try {
    return loadPolicy(file, variables).policy.store.redis
  } catch {
    return 'unknown'
  }
}

function locate(file: string, variables: Variables, at: Path, standard: string): string {
  const { source } = open(file, variables)
  const path = source.at(at) ?? standard
  if (typeof path !== 'string' || path.includes('${') || path === '')
    throw new PolicyError([source.problem(at, `\`${at.join('.')}\` cannot be read`)])
  return resolve(dirname(resolve(file)), path)
}

/**
 * @returns with it the files that `${file:PATH}` names
 * @throws PolicyError if there is no such file
 */
function open(file: string, variables: Variables): { source: Source; secretFiles: readonly string[] } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const message = code === 'ENOENT' ? 'there is no such file; name it with -c' : `cannot be read: ${code}`
    throw new PolicyError([{ file, line: 1, column: 1, message, severity: 'error' }])
  }
  const secretFiles = new Set<string>()
  const readFile = (name: string) => {
    const path = resolve(dirname(resolve(file)), name)
    secretFiles.add(path)
    return readFileSync(path, 'utf8')
  }
  return { source: readSource(file, text, { variables, readFile }), secretFiles: [...secretFiles] }
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}
