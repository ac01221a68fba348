/**
 * The control charts of statistical process control that the baselines are made of, as in the NIST/SEMATECH e-Handbook of
 * Statistical Methods, 6.3.2.3 (CUSUM) and 6.3.2.4 (EWMA).
 */

/** The exponentially weighted moving average (Roberts, 1959). @param lambda weight of the new value, 0 to 1 */
export function ewma(average: number, value: number, lambda: number): number {
  return average + lambda * (value - average)
}

/** The upper cumulative sum (Page, 1954). @param excess how far the value exceeds the target, less the allowance `k` */
export function cusum(sum: number, excess: number): number {
  return Math.max(0, sum + excess)
}

/** What the distance between target and a shifted mean is, in standard deviations, that a CUSUM of level values is tuned to, halved. */
export const allowance = 0.5

/**
 * The average run length of a one-sided CUSUM of independent normal values, by Siegmund's approximation (1985).
 * @param shift of the mean in standard deviations; 0 gives the run length between false alarms
 */
export function averageRunLength(limit: number, k: number, shift = 0): number {
  const drift = shift - k
  const b = limit + 1.166
  if (drift === 0) return b * b
  return (Math.exp(-2 * drift * b) + 2 * drift * b - 1) / (2 * drift * drift)
}

/** The least limit of such a CUSUM whose run length between false alarms is `1 / rate`. @param rate false alarms a value */
export function cusumLimit(rate: number, k: number): number {
  let low = 0
  let high = 100
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (averageRunLength(middle, k) < 1 / rate) low = middle
    else high = middle
  }
  return high
}

/** Log-likelihood ratio of a window with `yes` of `of` against the shares `usual` and `shifted` (Wald, 1945): its CUSUM is Page's for shares. */
export function logLikelihoodRatio(yes: number, of: number, usual: number, shifted: number): number {
  return yes * Math.log(shifted / usual) + (of - yes) * Math.log((1 - shifted) / (1 - usual))
}

/** Lets evidence of one window count in full up to `knee`, then by its logarithm: one cause within ten minutes is one cause. */
export function compressed(evidence: number, knee: number): number {
  return evidence <= knee ? evidence : knee * (1 + Math.log(evidence / knee))
}
