/** Fisher's exact test of a table of two by two, both tails: all tables that are no more probable than this one. */
import { gammaln } from 'simple-statistics'
import type { Tested } from './strata.ts'

/** How often something was so, of how many times. */
export interface Share {
  readonly yes: number
  readonly of: number
}

/** Tables that differ only by rounding count as equally probable; R's `fisher.test` uses the same. */
const tolerance = 1e-7

/** Tests whether two shares differ. @returns p of both tails; as effect the second share less the first */
export function fisher(before: Share, after: Share): Tested {
  const total = before.of + after.of
  const yes = before.yes + after.yes
  if (before.of === 0 || after.of === 0) return { p: 1, effect: 0 }
  const logOf = (first: number) =>
    logChoose(before.of, first) + logChoose(after.of, yes - first) - logChoose(total, yes)
  const seen = logOf(before.yes) + Math.log1p(tolerance)
  let p = 0
  for (let first = Math.max(0, yes - after.of); first <= Math.min(before.of, yes); first++) {
    const log = logOf(first)
    if (log <= seen) p += Math.exp(log)
  }
  return { p: Math.min(1, p), effect: after.yes / after.of - before.yes / before.of }
}

function logChoose(n: number, k: number): number {
  return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
}
