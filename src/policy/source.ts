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
import { PolicyError, type Problem } from './problem.ts'
import { yamlFaults } from './yaml-faults.ts'

/** Where `${…}` is expanded from. */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>
  /** The file's text; throws if it cannot be read. */
  readFile(path: string): string
  /** Is told each value that comes into the policy from a variable or a file. */
  onValue?(value: string): void
}

/** Keys and indices that lead to a value in the policy. */
export type Path = readonly (string | number)[]

/** Says what is wrong with the value at `path`. */
export type Report = (path: Path, message: string) => void

/** The part of a text that the policy file itself contains. */
export interface Written {
  readonly text: string
  readonly hasDefault: boolean
}

/** A parsed policy file. */
export interface Source {
  readonly text: string
  readonly value: unknown
  /** From which line on it may have been misread; undefined if it is YAML. */
  readonly brokenFrom: number | undefined
  /** Whether nothing of the value comes from a variable. */
  isLiteral(path: Path): boolean
  /** What of a text stands in the file itself: what is around variables, and their defaults. Undefined if nothing does. */
  writtenAt(path: Path): Written | undefined
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

/**
 * Parses a policy file and expands its variables. Collects errors in `problems`.
 * @param environment undefined: nothing is expanded, and `${` is text like any other
 * @throws PolicyError if its aliases would make it grow beyond measure
 */
export function readSource(file: string, text: string, environment: Environment | undefined): Source {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    prettyErrors: false,
    // Told here, with both places, and without giving up on the rest.
    uniqueKeys: false,
    logLevel: 'error',
  })
  const problems: Problem[] = []
  const place = (offset: number, message: string, severity: Problem['severity'] = 'error'): Problem => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message, severity }
  }
  const faults = yamlFaults(document, text, lines)
  problems.push(...faults.map(({ offset, message }) => place(offset, message)))
  const broken = faults.find(({ breaks }) => breaks)
  const expanded = new Map<Scalar, Written>()
  visit(document, {
    Scalar(_key, node) {
      if (!environment || typeof node.value !== 'string' || !node.value.includes('${')) return
      expanded.set(node, writtenIn(node.value))
      const missing = expand(node, environment)
      if (missing !== undefined) problems.push(place(node.range?.[0] ?? 0, missing))
    },
  })
  return {
    text,
    value: expandedOf(document, () => place(0, 'has too many aliases: write out what they stand for')),
    brokenFrom: broken && lines.linePos(broken.offset).line,
    problems,
    holds: (path) => document.hasIn(path),
    at: (path) => document.getIn(path),
    isLiteral(path) {
      const node = document.getIn(path, true)
      return !isScalar(node) || !expanded.has(node)
    },
    writtenAt(path) {
      const node = document.getIn(path, true)
      if (!isScalar(node) || typeof node.value !== 'string') return undefined
      const written = expanded.get(node) ?? { text: node.value, hasDefault: false }
      return written.text === '' ? undefined : written
    },
    problem: (path, message, at = 'value', severity = 'error') =>
      place(offsetOf(document, path, at), message, severity),
  }
}

/** @throws PolicyError if aliases of aliases stand for more than anybody wrote */
function expandedOf(document: Document, problem: () => Problem): unknown {
  try {
    return document.toJS()
  } catch (error) {
    if (error instanceof ReferenceError) throw new PolicyError([problem()])
    throw error
  }
}

function writtenIn(text: string): Written {
  const defaults = Array.from(text.matchAll(variable), ([, , , fallback = '']) => fallback)
  return {
    text: text.replace(variable, (_all, _file, _name, fallback = '') => String(fallback)),
    hasDefault: defaults.some((fallback) => fallback !== ''),
  }
}

/** Expands in place; returns what is wrong, naming the variable and never its value. */
function expand(node: Scalar, { variables, readFile, onValue = () => {} }: Environment): string | undefined {
  let wrong: string | undefined
  const noted = (value: string) => {
    onValue(value)
    return value
  }
  const expanded = String(node.value).replace(
    variable,
    (_all, isFile?: string, name = '', fallback?: string) => {
      if (isFile !== undefined) {
        try {
          return noted(readFile(name).replace(/\r?\n$/, ''))
        } catch {
          wrong ??= `the file in \${file:${name}} cannot be read`
          return ''
        }
      }
      const value = variables[name]
      if (value !== undefined && value !== '') return noted(value)
      if (fallback !== undefined) return fallback
      wrong ??= `the environment variable ${name} is not set`
      return ''
    },
  )
  if (String(node.value).replaceAll(variable, '').includes('${'))
    wrong ??= `this looks like a variable but is not: use \${VAR}, \${VAR:-default} or \${file:PATH}`
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
