/** Token limits that have no room for an answer of full length: whoever does not ask for less is refused, always. */
import type { GroupBudget, SharedLimits } from './policy.ts'
import type { Path } from './source.ts'

/** Limits that hold for a request, and where the policy has them. */
export interface TokenLimits {
  readonly path: Path
  readonly limits: Partial<Pick<SharedLimits, 'tokensPerMinute' | 'tokensPerDay'> & GroupBudget>
}

/** A token limit that is smaller than one full-length response. */
export interface TightLimit {
  readonly path: Path
  readonly limit: number
  /** What an answer of full length counts. */
  readonly needed: number
}

/** @param weight what a token of the model counts */
export function tightLimits(
  all: readonly TokenLimits[],
  outputTokens: number,
  weight: number,
): readonly TightLimit[] {
  const needed = Math.ceil(outputTokens * weight)
  return all.flatMap(({ path, limits }) =>
    (['tokensPerMinute', 'tokensPerDay', 'tokensPerMonth'] as const).flatMap((name) => {
      const limit = limits[name]
      // Its prompt counts, too, and so there must be room for more than the answer.
      return limit === undefined || limit > needed ? [] : [{ path: [...path, name], limit, needed }]
    }),
  )
}

/** Describes a tight limit for users. */
export function tightInWords({ path, limit, needed }: TightLimit): string {
  return `a request reserves its input and ${needed} output tokens (\`caps.outputTokens\`) unless it asks for fewer, which never fits \`${path.join('.')}\`: ${limit}`
}
