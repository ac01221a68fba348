/**
 * A YAML file whose every value knows its line and column, with `${VAR}` expanded.
 *
 * `${VAR}` and `${VAR:-default}` come from the environment, `${file:PATH}` from a file. An expanded value is
 * one text, never structure: what an environment variable holds cannot add keys to the policy.
 */
import {
  type Document,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml'
import type { Problem } from './problem.ts'

export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>
  /** The file's text; throws if it cannot be read. */
  readFile(path: string): string
}

export type Path = readonly (string | number)[]

/** Says what is wrong with the value at `path`. */
export type Report = (path: Path, message: string) => void

export interface Source {
  readonly text: string
  /** Undefined if it is no YAML. */
  readonly value: unknown
  /** Whether the value stands there in so many words, rather than coming from a variable. */
  isWrittenOut(path: Path): boolean
  /** Syntax errors and variables that are not set. */
  readonly problems: readonly Problem[]
  /** Whether the file itself says something at `path`, rather than a default. */
  holds(path: Path): boolean
  /** What it says there, even if the file has mistakes elsewhere. */
  at(path: Path): unknown
  /** A problem at the value of `path`, at its key, or at the nearest thing above it that exists. */
  problem(path: Path, message: string, at?: 'key' | 'value', severity?: Problem['severity']): Problem
}

const variable = /\$\{(file:)?([^}:]+)(?::-([^}]*))?\}/g

export function readSource(file: string, text: string, environment: Environment): Source {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false })
  const problems: Problem[] = []
  const place = (offset: number, message: string, severity: Problem['severity'] = 'error'): Problem => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message, severity }
  }
  // What follows the first one mostly follows from it.
  const [error] = document.errors
  if (error) {
    const problem = place(error.pos[0], firstLine(error.message))
    const line = text.split('\n', problem.line)[problem.line - 1] ?? ''
    const isUnquoted = /\{.*[^"'$]\$\{/.test(line)
    problems.push(
      isUnquoted ? { ...problem, message: `${problem.message} (quote values with a variable)` } : problem,
    )
  }
  const readable = problems.length === 0
  const expanded = new Set<Scalar>()
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== 'string' || !node.value.includes('${')) return
      expanded.add(node)
      const missing = expand(node, environment)
      if (missing !== undefined) problems.push(place(node.range?.[0] ?? 0, missing))
    },
  })
  return {
    text,
    value: readable ? (document.toJS() as unknown) : undefined,
    problems,
    holds: (path) => document.hasIn(path),
    at: (path) => document.getIn(path),
    isWrittenOut(path) {
      const node = document.getIn(path, true)
      return isScalar(node) && typeof node.value === 'string' && !expanded.has(node)
    },
    problem: (path, message, at = 'value', severity = 'error') =>
      place(offsetOf(document, path, at), message, severity),
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text
}

/** Expands in place; returns what is wrong, naming the variable and never its value. */
function expand(node: Scalar, { variables, readFile }: Environment): string | undefined {
  let wrong: string | undefined
  const expanded = String(node.value).replace(
    variable,
    (_all, isFile?: string, name = '', fallback?: string) => {
      if (isFile !== undefined) {
        try {
          return readFile(name).replace(/\r?\n$/, '')
        } catch {
          wrong ??= `the file of \${file:${name}} cannot be read`
          return ''
        }
      }
      const value = variables[name]
      if (value !== undefined && value !== '') return value
      if (fallback !== undefined) return fallback
      wrong ??= `the environment variable ${name} is not set`
      return ''
    },
  )
  if (String(node.value).replaceAll(variable, '').includes('${'))
    wrong ??= `this looks like a variable and is none: there are \${VAR}, \${VAR:-default} and \${file:PATH}`
  node.value = expanded
  return wrong
}

function offsetOf(document: Document, path: Path, at: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = 0
  for (const [index, step] of path.entries()) {
    if (!isCollection(node)) break
    const pair = node.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
    )
    if (isPair(pair) && isScalar(pair.key)) {
      if (at === 'key' && index === path.length - 1) return pair.key.range?.[0] ?? offset
      offset = pair.key.range?.[0] ?? offset
    }
    node = node.get(step, true)
    if (typeof node === 'object' && node !== null && 'range' in node)
      offset = (node.range as readonly number[] | undefined)?.[0] ?? offset
  }
  return offset
}
