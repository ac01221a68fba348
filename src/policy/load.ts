/** From a path to a policy. The only place that reads policy files. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { compile } from './compile.ts'
import type { Policy } from './policy.ts'
import { PolicyError, type Problem } from './problem.ts'
import { readSource } from './source.ts'
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
  const folder = dirname(resolve(file))
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const message = `cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}`
    throw new PolicyError([{ file, line: 1, column: 1, message, severity: 'error' }])
  }
  const source = readSource(file, text, {
    variables,
    readFile: (path) => readFileSync(resolve(folder, path), 'utf8'),
  })
  if (source.problems.length > 0) throw new PolicyError(source.problems)
  const valid = validate(source)
  if ('problems' in valid) throw new PolicyError(inOrder(valid.problems))
  const version = createHash('sha256').update(text).digest('hex').slice(0, 12)
  const compiled = compile(valid.config, source, folder, version)
  if (!('policy' in compiled)) throw new PolicyError(inOrder(compiled.problems))
  return { policy: compiled.policy, warnings: compiled.problems }
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}
