/** Holm's correction for several tests (Holm, 1979), as R's `p.adjust(method = "holm")`. */

/** Adjusts probabilities so that all together keep the level of one test. The order is that of the argument. */
export function holm(probabilities: readonly number[]): readonly number[] {
  const order = probabilities.map((p, at) => ({ p, at })).sort((a, b) => a.p - b.p)
  const adjusted = new Array<number>(probabilities.length).fill(1)
  let largest = 0
  for (const [rank, { p, at }] of order.entries()) {
    largest = Math.max(largest, Math.min(1, p * (probabilities.length - rank)))
    adjusted[at] = largest
  }
  return adjusted
}
