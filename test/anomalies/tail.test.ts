/** Limits from tails: right for distributions whose tail is known, exact where a sketch is saved and restored. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Quantiles, relativeAccuracy } from '../../src/anomalies/quantiles.ts'
import { exceededWith, tailOf } from '../../src/anomalies/tail.ts'
import { Random } from '../simulate/anomalies/random.ts'

describe('the tail', () => {
  it.each([
    ['exponential', (u: number) => -Math.log(u), 0],
    ['Pareto with shape 0.3', (u: number) => u ** -0.3, 0.3],
  ])('of an %s distribution is found, with its shape', (_, inverse, shape) => {
    const tail = tailOf((q) => inverse(1 - q), 100_000)
    expect(tail.shape).toBeGreaterThan(shape - 0.07)
    expect(tail.shape).toBeLessThan(shape + 0.07)
    for (const probability of [1e-3, 1e-4]) {
      const factor = exceededWith(probability, tail) / inverse(probability)
      expect(factor).toBeGreaterThan(0.75)
      expect(factor).toBeLessThan(1.33)
    }
  })

  it('needs a wider margin the less was seen', () => {
    const limits = [100, 1000, 100_000].map((count) =>
      exceededWith(
        1e-5,
        tailOf((q) => -Math.log(1 - q), count),
      ),
    )
    expect(limits.toSorted((a, b) => b - a)).toEqual(limits)
  })

  it('of a constant is the constant', () => {
    expect(
      exceededWith(
        1e-9,
        tailOf(() => 7, 1000),
      ),
    ).toBe(7)
  })
})

describe('quantiles', () => {
  it('are within the relative accuracy of the exact ones', () => {
    const random = new Random(5)
    const values = Array.from({ length: 5000 }, () => random.lognormal(100, 1.5)).sort((a, b) => a - b)
    const quantiles = new Quantiles()
    for (const value of values) quantiles.add(value)
    for (const q of [0.01, 0.5, 0.95, 0.999, 1]) {
      const exact = values[Math.floor(q * (values.length - 1))] ?? 0
      expect(Math.abs(quantiles.quantile(q) / exact - 1)).toBeLessThan(relativeAccuracy + 1e-9)
    }
  })

  it('tell the same after saving and restoring, whatever was added', () => {
    const value = fc.oneof(fc.double({ min: 0, max: 1e12, noNaN: true }), fc.integer({ min: 0, max: 1000 }))
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), fc.array(value, { maxLength: 20 }), (before, after) => {
        const original = new Quantiles()
        for (const each of before) original.add(each)
        const saved = original.save()
        expect(saved.length).toBeLessThan(300)
        const restored = Quantiles.from(JSON.parse(JSON.stringify(saved)))
        for (const each of after) {
          original.add(each)
          restored.add(each)
        }
        for (const q of [0, 0.3, 0.5, 0.9, 0.95, 1]) expect(restored.quantile(q)).toBe(original.quantile(q))
        expect(restored.count).toBe(original.count)
      }),
    )
  })
})
