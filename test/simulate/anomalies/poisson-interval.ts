/** The exact interval of a Poisson count (Garwood, 1936). */

/** @returns the means for which the count is not improbable, at 95 % */
export function poissonInterval(count: number): readonly [low: number, high: number] {
  const low = count === 0 ? 0 : solve((mean) => 1 - cumulative(count - 1, mean) < 0.025, count)
  return [low, solve((mean) => cumulative(count, mean) > 0.025, count)]
}

/** The largest mean for which a condition holds, that holds below and not above it. */
function solve(holds: (mean: number) => boolean, count: number): number {
  let low = 0
  let high = count + 10 * Math.sqrt(count + 1) + 10
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return low
}

/** The probability of at most so many. */
function cumulative(count: number, mean: number): number {
  let term = -mean
  let sum = 0
  for (let at = 0; at <= count; at++) {
    sum += Math.exp(term)
    term += Math.log(mean) - Math.log(at + 1)
  }
  return sum
}
