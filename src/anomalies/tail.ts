/**
 * Limits from the tail that was seen, not from a normal curve: peaks over a threshold follow a generalised Pareto
 * distribution (Pickands, 1975; for streams Siffer et al., KDD 2017). Its parameters are found by probability-weighted
 * moments (Hosking and Wallis, 1987), here of quantiles of a sketch.
 */

/** The part of a distribution that exceeds a threshold. */
export interface Tail {
  /** How many values the tail was estimated from, those below the threshold included. */
  readonly count: number
  readonly threshold: number
  /** Scale of what exceeds the threshold. */
  readonly scale: number
  /** Shape: 0 is exponential, above 0 heavier. */
  readonly shape: number
}

/** The share of values that count as tail. */
export const tailShare = 0.05
const steps = 24
/** The shape is held between exponential and the heaviest that is plausible, and drawn to the usual one by as many exceedances. */
/** Token counts have tails like those of prompts, of which a few are whole books. */
export const heaviestOfVolumes = 0.7
/** The tail of a CUSUM is exponential in theory (Siegmund, 1985), a little heavier where days differ. */
export const heaviestOfSums = 0.25
const usualShape = 0.15
const usualWeight = 20

/** Estimates the upper twentieth. @param quantile of the values @param heaviest the largest shape that is believed */
export function tailOf(quantile: (q: number) => number, count: number, heaviest = heaviestOfVolumes): Tail {
  const threshold = quantile(1 - tailShare)
  let mean = 0
  let weighted = 0
  for (let step = 0; step < steps; step++) {
    // Squares lie closer together at the far end, where a heavy tail has its mean.
    const root = (step + 0.5) / steps
    const beyond = root * root
    const share = (2 * root) / steps
    const excess = Math.max(0, quantile(1 - tailShare * beyond) - threshold)
    mean += excess * share
    weighted += excess * beyond * share
  }
  const peaks = count * tailShare
  if (mean <= 0) return { count, threshold, scale: 0, shape: 0 }
  const spread = mean - 2 * weighted
  const moment = spread <= 0 ? heaviest : Math.min(heaviest, Math.max(0, 2 - mean / spread))
  const shape = (peaks * moment + usualWeight * usualShape) / (peaks + usualWeight)
  // The mean of what exceeds is scale / (1 - shape); it is uncertain by its own size over the root of the peaks.
  return { count, threshold, scale: mean * (1 - shape) * (1 + 1.5 / Math.sqrt(peaks + 1)), shape }
}

/** The value that is exceeded with the given probability. */
export function exceededWith(probability: number, { threshold, scale, shape }: Tail): number {
  if (scale === 0 || probability >= tailShare) return threshold
  const ratio = tailShare / probability
  return threshold + (shape < 1e-6 ? scale * Math.log(ratio) : (scale / shape) * (ratio ** shape - 1))
}
