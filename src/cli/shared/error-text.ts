/** An error as the person at the terminal should read it. */
import { isDiskFull } from '../../files/atomic.ts'
import { formatProblem, PolicyError } from '../../policy/problem.ts'

export function asProblem(error: unknown): string {
  if (error instanceof PolicyError) return error.problems.map(formatProblem).join('\n')
  if (!(error instanceof Error)) return String(error)
  return isDiskFull(error) ? `The disk is full. Nothing was changed (${error.message}).` : error.message
}
