/** An error as the person at the terminal should read it. */
import { formatProblem, PolicyError } from '../policy/problem.ts'

export function asProblem(error: unknown): string {
  if (error instanceof PolicyError) return error.problems.map(formatProblem).join('\n')
  return error instanceof Error ? error.message : String(error)
}
