/** What is wrong with a file, told with its place. */
import { distance } from 'fastest-levenshtein'

/** An error or warning about a place in a file. */
export interface Problem {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly column: number
  readonly message: string
  readonly severity: 'error' | 'warning'
}

/** `file:line:column: message`, which editors and terminals make a link of. */
export function formatProblem(problem: Problem): string {
  const note = problem.severity === 'warning' ? 'warning: ' : ''
  return `${problem.file}:${problem.line}:${problem.column}: ${note}${problem.message}`
}

/** The candidate that a word was probably meant to be; undefined if none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const steps = distance(word.toLowerCase(), candidate.toLowerCase())
    if (steps < least) {
      least = steps
      best = candidate
    }
  }
  return best
}

/** ` (did you mean …?)`, or nothing if no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const best = nearest(word, candidates)
  return best === undefined ? '' : ` (did you mean \`${best}\`?)`
}

/** A policy that cannot be used, with every error in it. */
export class PolicyError extends Error {
  readonly problems: readonly Problem[]
  /** What would be warned of if there were no errors. */
  readonly warnings: readonly Problem[]
  constructor(problems: readonly Problem[], warnings: readonly Problem[] = []) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'PolicyError'
    this.problems = problems
    this.warnings = warnings
  }
}
