/** YAML files beside the policy (suites of prompts, suites of attacks): read against a schema, with the place of every error. */
import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import { isNode, LineCounter, parseDocument } from 'yaml'
import { didYouMean, formatProblem, type Problem } from './problem.ts'
import type { Path, Report } from './source.ts'

/** A file that cannot be used, with every error in it. */
export class DocumentError extends Error {
  override readonly name: string = 'DocumentError'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** A file that fits its schema. */
export interface ReadDocument<S extends TSchema> {
  readonly value: Static<S>
  /** Notes what is wrong with the value at a path. */
  readonly report: Report
  /** What was noted so far. */
  readonly problems: readonly Problem[]
}

/** What a file must be. */
export interface DocumentKind<S extends TSchema> {
  readonly schema: S
  /** Keys of the schema, for "did you mean". */
  readonly keys: readonly string[]
  /** `suite`, in "it is no suite". */
  readonly what: string
}

const maxBytes = 4 * 1024 * 1024
const maxTold = 20

/**
 * Reads a file of a kind.
 * @param file its name in errors
 * @throws DocumentError
 */
export function readDocument<S extends TSchema>(
  { schema, keys, what }: DocumentKind<S>,
  file: string,
  bytes: Uint8Array,
): ReadDocument<S> {
  if (bytes.byteLength > maxBytes) throw wholeFile(file, 'the file is larger than 4 MiB')
  const problems: Problem[] = []
  const lines = new LineCounter()
  const at = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset)
    problems.push({ file, line: Math.max(line, 1), column: Math.max(col, 1), message, severity: 'error' })
  }
  const text = decoded(file, bytes)
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false })
  for (const { pos, message } of document.errors) at(pos[0], message)
  if (problems.length > 0) throw new DocumentError(problems)
  const report: Report = (path, message) => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node: unknown = document.getIn(path.slice(0, depth), true)
      if (isNode(node) && node.range) return at(node.range[0], `${path.join('.')}: ${message}`)
    }
    return at(0, message)
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 })
  if (Value.Check(schema, value)) return { value, report, problems }
  tellFaults(schema, keys, value, report)
  throw problems.length > 0 ? new DocumentError(problems) : wholeFile(file, `it is no ${what}`)
}

function decoded(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw wholeFile(file, 'the file is not UTF-8')
  }
}

function wholeFile(file: string, message: string): DocumentError {
  return new DocumentError([{ file, line: 1, column: 1, message, severity: 'error' }])
}

function tellFaults(schema: TSchema, keys: readonly string[], value: unknown, report: Report): void {
  for (const { instancePath, message, params } of Value.Errors(schema, value).slice(0, maxTold)) {
    const path: Path = instancePath
      .split('/')
      .slice(1)
      .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
    const unknown = 'additionalProperties' in params ? params.additionalProperties : undefined
    if (!Array.isArray(unknown)) report(path, message)
    for (const key of Array.isArray(unknown) ? unknown : [])
      report([...path, String(key)], `this key is not known${didYouMean(String(key), keys)}`)
  }
}
