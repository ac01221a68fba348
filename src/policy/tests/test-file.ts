/** Reads `torwart.test.yaml`, the tests beside a policy. */
import { readFileSync, statSync } from 'node:fs'
import { errorCode } from '../../core/error-code.ts'
import { PolicyError, type Problem } from '../problem.ts'
import { readSource, type Source } from '../source.ts'
import { validateBy } from '../validate.ts'
import { isOfTheMoment, type PolicyTest, testsSchema } from './schema.ts'

/** The tests of a policy. */
export interface TestFile {
  readonly file: string
  readonly tests: readonly PolicyTest[]
  /** Locates messages. */
  readonly source: Source
}

const maxTests = 1000
/** Bytes. */
const maxSize = 1024 * 1024

/** Returns the path of the tests of a policy: `torwart.test.yaml` for `torwart.yaml`. */
export function testsFileOf(policyFile: string): string {
  return `${policyFile.replace(/\.ya?ml$/, '')}.test.yaml`
}

/** Reads a file of tests. @throws PolicyError with all errors in it */
export function readTestFile(file: string): TestFile {
  // Prompts may hold `${…}` themselves.
  const source = readSource(file, textOf(file), undefined)
  const { config: tests, problems, missing, isWrong } = validateBy(testsSchema, source)
  const more = tests.flatMap(({ as }, index) => {
    const at = [index, 'as']
    const isFlawed =
      isWrong(at) || ['role', 'key', 'certificate', 'person'].some((key) => isWrong([...at, key]))
    const fault = isFlawed ? undefined : callerFault(as)
    return fault === undefined ? [] : [source.problem(at, fault)]
  })
  const tooMany = tests.length > maxTests ? [source.problem([maxTests], `more than ${maxTests} tests`)] : []
  const errors = [...source.problems, ...problems.map((each) => ofMoment(each, tests, source)), ...missing]
  const all = [...errors, ...more, ...tooMany]
  if (all.length > 0) throw new PolicyError(all.toSorted((a, b) => a.line - b.line || a.column - b.column))
  if (tests.length === 0) throw new PolicyError([source.problem([], 'has no tests')])
  return { file, tests, source }
}

/** @throws PolicyError */
function textOf(file: string): string {
  const at = (message: string): Problem => ({ file, line: 1, column: 1, message, severity: 'error' })
  try {
    if (statSync(file).size > maxSize) throw new PolicyError([at('is larger than 1 MiB')])
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof PolicyError) throw error
    const code = errorCode(error)
    const why =
      code === 'ENOENT'
        ? 'there is no such file: write the tests of the policy there'
        : `cannot be read: ${code}`
    throw new PolicyError([at(why)])
  }
}

function callerFault({ role, key, certificate, person }: PolicyTest['as']): string | undefined {
  const named = [role, key, certificate].filter((each) => each !== undefined).length
  if (named > 1) return '`as` names more than one of `role`, `key` and `certificate`'
  return named === 0 && person === undefined
    ? '`as` names nobody: write `role`, `key`, `certificate` or `person`'
    : undefined
}

/** A code that exists and cannot be tested deserves better than a list of words. */
function ofMoment(problem: Problem, tests: readonly PolicyTest[], source: Source): Problem {
  for (const index of tests.keys()) {
    const path = [index, 'expect']
    const given = source.at(path)
    const place = source.problem(path, '')
    if (typeof given === 'string' && isOfTheMoment(given) && place.line === problem.line)
      return {
        ...problem,
        message: `\`${given}\` depends on the moment, not on the rules of the policy: it cannot be expected`,
      }
  }
  return problem
}
