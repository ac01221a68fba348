/** The charts give the values of published series, and the limits those of published tables. */
import { describe, expect, it } from 'vitest'
import {
  averageRunLength,
  compressed,
  cusum,
  cusumLimit,
  ewma,
  logLikelihoodRatio,
} from '../../src/anomalies/control-charts.ts'

const round = (digits: number) => (value: number) => Math.round(value * 10 ** digits) / 10 ** digits

describe('published series', () => {
  it('has the EWMA of the example in the NIST/SEMATECH e-Handbook, 6.3.2.4 (lambda 0.3, target 50)', () => {
    const values = [
      52, 47, 53, 49.3, 50.1, 47, 51, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6,
      52.1,
    ]
    let average = 50
    const averages = values.map((value) => {
      average = ewma(average, value, 0.3)
      return round(2)(average)
    })
    expect(averages).toEqual([
      50.6, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38,
      49.92, 50.73, 51.23, 51.94, 51.99,
    ])
  })

  it("has the upper CUSUM of Montgomery's example (Statistical Quality Control, table 9.2; target 10, K 0.5)", () => {
    const values = [
      9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.2, 10.34, 9.03, 11.47, 10.51, 9.4, 10.08, 9.37,
      10.62, 10.31, 8.52, 10.84, 10.9, 9.33, 12.29, 11.5, 10.6, 11.08, 10.38, 11.62, 11.31, 10.52,
    ]
    let sum = 0
    const sums = values.map((value) => {
      sum = cusum(sum, value - 10 - 0.5)
      return round(2)(sum)
    })
    expect(sums).toEqual([
      0, 0, 0, 1.16, 2.82, 2.5, 0.04, 1, 0, 0, 0, 0.97, 0.98, 0, 0, 0, 0.12, 0, 0, 0.34, 0.74, 0, 1.79, 2.79,
      2.89, 3.47, 3.35, 4.47, 5.28, 5.3,
    ])
  })

  it.each([
    [4, 0, 168],
    [4, 1, 8.38],
    [5, 0, 465],
    [5, 1, 10.4],
    [5, 2, 4.01],
  ])(
    'has the average run length of table 9.3 there, for h = %d and a shift of %d',
    (limit, shift, expected) => {
      const upper = 1 / averageRunLength(limit, 0.5, shift)
      const lower = 1 / averageRunLength(limit, 0.5, -shift)
      const twoSided = 1 / (upper + lower)
      // Siegmund's approximation is within a few percent of the exact table.
      expect(Math.abs(twoSided / expected - 1)).toBeLessThan(0.04)
    },
  )
})

describe('limits', () => {
  it('have the run length that was asked for', () => {
    for (const rate of [1e-2, 1e-4, 1e-7])
      expect(averageRunLength(cusumLimit(rate, 0.5), 0.5) * rate).toBeCloseTo(1, 6)
  })
})

describe('evidence', () => {
  it('of a share speaks for the one it comes from', () => {
    expect(logLikelihoodRatio(10, 100, 0.1, 0.3)).toBeLessThan(0)
    expect(logLikelihoodRatio(30, 100, 0.1, 0.3)).toBeGreaterThan(0)
    expect(logLikelihoodRatio(0, 0, 0.1, 0.3)).toBe(0)
  })

  it('of one window counts in full to the knee, and grows on behind it without a step', () => {
    expect(compressed(-2, 3)).toBe(-2)
    expect(compressed(3, 3)).toBe(3)
    expect(compressed(3.0001, 3)).toBeCloseTo(3, 3)
    expect(compressed(300, 3)).toBeCloseTo(3 * (1 + Math.log(100)), 9)
  })
})
