/** Errors as the user reads them on the terminal. */

import { isDiskFull } from '../../core/error-code.ts'
import { formatProblem, PolicyError } from '../../policy/problem.ts'

/** Returns an error as the text that the user reads. */
export function asProblem(error: unknown): string {
  if (error instanceof PolicyError) return error.problems.map(formatProblem).join('\n')
  if (!(error instanceof Error)) return String(error)
  return isDiskFull(error) ? `The disk is full. Nothing was changed (${error.message}).` : error.message
}
