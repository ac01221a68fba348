/**
 * Finds files that a policy names, without judging the policy: what must be done now (a leaked key, an emergency stop)
 * does not wait for mistakes elsewhere in it to be mended, nor for all that judging loads.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PolicyError } from './problem.ts'
import { defaultAuditFile, defaultKeysFile } from './schema/files.ts'
import { type Path, readSource, type Source } from './source.ts'

/** The policy that ships, which a package that was installed has far from where it is run. */
const shipped = fileURLToPath(new URL('../../config/torwart.yaml', import.meta.url))

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Where the audit log is, read in the same way as `locateKeys` reads. @throws PolicyError */
export function locateAudit(file: string, variables: Variables): string {
  return locate(file, variables, ['audit', 'file'], defaultAuditFile)
}

/**
 * Where the keys are, read from a policy that may have mistakes anywhere else: a leaked key must not wait for
 * them to be mended.
 * @throws PolicyError if not even that can be read
 */
export function locateKeys(file: string, variables: Variables): string {
  return locate(file, variables, ['keys', 'file'], defaultKeysFile)
}

/** Whether the keys are in Redis. @throws PolicyError if not even that can be read */
export function hasSharedKeys(file: string, variables: Variables): boolean {
  // A variable always expands to a text.
  return String(openPolicy(file, variables).source.at(['keys', 'redis'])) === 'true'
}

function locate(file: string, variables: Variables, at: Path, standard: string): string {
  const { source } = openPolicy(file, variables)
  const path = source.at(at) ?? standard
  if (typeof path !== 'string' || path.includes('${') || path === '')
    throw new PolicyError([source.problem(at, `\`${at.join('.')}\` cannot be read`)])
  return resolve(dirname(resolve(file)), path)
}

/** A policy that somebody tries out, as if it stood in the file. */
export interface PastedPolicy {
  readonly text: string
  /** Tells whether `${file:PATH}` may name a file. */
  mayRead(path: string): boolean
  /** Is told each value that comes into it from a variable or a file. */
  onValue(value: string): void
}

/** @throws PolicyError */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const message =
      code === 'ENOENT'
        ? `there is no such file: name the policy with -c, or start with a copy of ${shipped}`
        : `cannot be read: ${code}`
    throw new PolicyError([{ file, line: 1, column: 1, message, severity: 'error' }])
  }
}

/**
 * @param given instead of what stands in the file
 * @returns with it the files that `${file:PATH}` names
 * @throws PolicyError if there is no such file
 */
export function openPolicy(
  file: string,
  variables: Variables,
  given?: PastedPolicy,
): { source: Source; secretFiles: readonly string[] } {
  const text = given?.text ?? textOf(file)
  const secretFiles = new Set<string>()
  const readFile = (name: string) => {
    const path = resolve(dirname(resolve(file)), name)
    if (given && !given.mayRead(path)) throw new Error('not a file of the policy in force')
    secretFiles.add(path)
    return readFileSync(path, 'utf8')
  }
  const onValue = (value: string) => given?.onValue(value)
  return { source: readSource(file, text, { variables, readFile, onValue }), secretFiles: [...secretFiles] }
}
