/** The statistics against published tables and R 4.2.2; the functions of R are named where its values stand. */
import { describe, expect, it } from 'vitest'
import { fisher } from '../../src/model-trust/statistics/fisher.ts'
import { holm } from '../../src/model-trust/statistics/holm.ts'
import { mannWhitney } from '../../src/model-trust/statistics/mann-whitney.ts'
import { testVectors } from '../../src/model-trust/statistics/mmd.ts'
import { permutationP, poolOf } from '../../src/model-trust/statistics/permutation.ts'
import { seededRandom } from '../../src/model-trust/statistics/random.ts'
import { jensenShannon, testOneWord, testWords, wordsOf } from '../../src/model-trust/statistics/words.ts'

const repeat = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at))

describe('the Mann–Whitney test', () => {
  it('has the p-values of R: wilcox.test(exact = FALSE)', () => {
    const before = [12, 15, 15, 17, 20, 22, 22, 31]
    const after = [18, 22, 25, 25, 30, 33, 35, 40, 41]
    const { p, effect } = mannWhitney([{ before, after }])
    expect(p).toBeCloseTo(0.0104855861, 6)
    // W = 63 of 72 pairs.
    expect(effect).toBeCloseTo((2 * 63 - 72) / 72, 10)
    const few = mannWhitney([{ before: [0.5, 2.5, 6, 7, 8], after: [1.1, 2.2, 3.3, 4.4] }])
    expect(few.p).toBeCloseTo(0.3912672793, 6)
  })

  it('decides as the published table: ten and ten, 5 %, two tails, critical U = 23', () => {
    const pOf = (after: readonly number[]) => {
      const before = repeat(20, (at) => at + 1).filter((rank) => !after.includes(rank))
      return mannWhitney([{ before, after }]).p
    }
    const top = [14, 15, 16, 17, 18, 19, 20]
    expect(pOf([1, 2, 10, ...top])).toBeLessThan(0.05)
    expect(pOf([1, 2, 9, ...top])).toBeGreaterThan(0.05)
  })

  it('of several prompts agrees with the permutation test of the same statistic (van Elteren)', () => {
    const random = seededRandom('elteren')
    const strata = repeat(12, (prompt) => ({
      before: repeat(4, () => prompt * 50 + Math.floor(random() * 20)),
      after: repeat(4, () => prompt * 50 + 5 + Math.floor(random() * 20)),
    }))
    const pool = poolOf(strata)
    // Equal sizes everywhere, so that ranks within a prompt carry the same weight.
    const wins = (labels: Uint8Array) => {
      let sum = 0
      for (let prompt = 0; prompt < 12; prompt++)
        for (let a = 0; a < 8; a++)
          for (let b = 0; b < 8; b++) {
            const [first, second] = [prompt * 8 + a, prompt * 8 + b]
            if (labels[first] === 1 && labels[second] === 0)
              sum += Math.sign((pool.items[first] ?? 0) - (pool.items[second] ?? 0))
          }
      return Math.abs(sum)
    }
    const { p } = mannWhitney(strata)
    expect(p).toBeGreaterThan(0.0001)
    expect(p).toBeLessThan(0.2)
    expect(Math.abs(p - permutationP(pool, wins, seededRandom('check'), 20_000))).toBeLessThan(0.01)
  })

  it('finds nothing where all values are the same, or there are none', () => {
    expect(mannWhitney([{ before: [1, 1], after: [1, 1] }])).toEqual({ p: 1, effect: 0 })
    expect(mannWhitney([])).toEqual({ p: 1, effect: 0 })
  })
})

describe("Fisher's exact test", () => {
  it('has the p-values of R: fisher.test', () => {
    const p = (a: number, b: number, c: number, d: number) =>
      fisher({ yes: a, of: a + b }, { yes: c, of: c + d }).p
    // The lady tasting tea (Fisher, The Design of Experiments, 1935).
    expect(p(3, 1, 1, 3)).toBeCloseTo(0.4857142857, 9)
    expect(p(10, 3, 2, 15)).toBeCloseTo(0.0005367241191, 10)
    expect(p(0, 200, 10, 190)).toBeCloseTo(0.001740517754 /* the same table, turned */, 9)
    expect(p(0, 480, 24, 456)).toBeCloseTo(8.877769918e-8, 14)
  })

  it('says how far the shares are apart, and finds nothing in nothing', () => {
    expect(fisher({ yes: 9, of: 10 }, { yes: 4, of: 10 }).effect).toBeCloseTo(-0.5)
    expect(fisher({ yes: 0, of: 0 }, { yes: 4, of: 10 })).toEqual({ p: 1, effect: 0 })
  })
})

describe("Holm's correction", () => {
  it('has the values of R: p.adjust(method = "holm")', () => {
    const rounded = (values: readonly number[]) => holm(values).map((value) => Number(value.toFixed(10)))
    expect(rounded([0.01, 0.02, 0.03, 0.04, 0.005, 0.5])).toEqual([0.05, 0.08, 0.09, 0.09, 0.03, 0.5])
    expect(rounded([0.04, 0.04, 0.001])).toEqual([0.08, 0.08, 0.003])
    expect(holm([])).toEqual([])
  })
})

describe('a permutation test', () => {
  it('comes to the share of all arrangements: 3 of 35', () => {
    const pool = poolOf([{ before: [5, 8, 9, 10], after: [1, 4, 6] }])
    const difference = (labels: Uint8Array) => {
      const of = (label: number) => pool.items.filter((_, at) => labels[at] === label)
      const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length
      return Math.abs(mean(of(0)) - mean(of(1)))
    }
    // All combn(7, 3) of R; early stopping leaves some noise.
    const p = repeat(40, (at) => permutationP(pool, difference, seededRandom(`${at}`), 5000))
    expect(p.reduce((sum, each) => sum + each, 0) / 40).toBeCloseTo(3 / 35, 1.5)
  })

  it('exchanges only within a prompt', () => {
    const pool = poolOf([
      { before: [0, 0, 0], after: [0, 0, 0] },
      { before: [9, 9, 9], after: [9, 9, 9] },
    ])
    const sum = (labels: Uint8Array) =>
      pool.items.reduce((all, each, at) => all + each * (labels[at] ?? 0), 0)
    const sums = new Set<number>()
    permutationP(
      pool,
      (labels) => {
        sums.add(sum(labels))
        return 0
      },
      seededRandom('x'),
      100,
    )
    expect([...sums]).toEqual([27])
  })

  it('repeats itself with the same seed', () => {
    const random = seededRandom('same')
    const other = seededRandom('same')
    expect(repeat(5, random)).toEqual(repeat(5, other))
    expect(repeat(5, seededRandom('another'))).not.toEqual(repeat(5, seededRandom('same')))
    const values = repeat(10_000, seededRandom('flat'))
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...values)).toBeLessThan(1)
    expect(values.reduce((sum, each) => sum + each, 0) / values.length).toBeCloseTo(0.5, 1.5)
  })
})

describe('distributions of words', () => {
  it('are as far apart as their definition says, computed in R', () => {
    expect(jensenShannon([5, 3, 2, 0], [1, 3, 4, 2])).toBeCloseTo(0.2295045233, 9)
    expect(jensenShannon([1, 0], [0, 1])).toBe(1)
    expect(jensenShannon([3, 1], [6, 2])).toBe(0)
    expect(jensenShannon([0, 0], [1, 2])).toBe(1)
  })

  const speak = (random: () => number, more: string) =>
    wordsOf(`${repeat(12, () => `word${Math.floor(random() ** 2 * 40)}`).join(' ')} ${more}`)
  const strata = (share: number, seed: string) => {
    const random = seededRandom(seed)
    return repeat(20, () => ({
      before: repeat(6, () => speak(random, '')),
      after: repeat(6, () => speak(random, random() < share ? 'visit acme today' : '')),
    }))
  }

  it('differ where answers are others, and not where they are drawn from the same', () => {
    expect(testWords(strata(1, 'a'), seededRandom('p'), 2000).p).toBeLessThan(0.001)
    expect(testWords(strata(0, 'b'), seededRandom('p'), 2000).p).toBeGreaterThan(0.01)
  })

  it('give away the word that is in a few answers of one side only', () => {
    const found = testOneWord(strata(0.2, 'c'), seededRandom('p'), 2000)
    expect(found.p).toBeLessThan(0.001)
    expect(['visit', 'acme', 'today']).toContain(found.word)
    expect(found.effect).toBeGreaterThan(0.1)
    expect(testOneWord(strata(0, 'd'), seededRandom('p'), 2000).p).toBeGreaterThan(0.01)
  })

  it('split words in any script', () => {
    expect(wordsOf('Grüß Gott, 東京! it’s 5%')).toEqual(['grüß', 'gott', '東京', "it's", '5'])
  })
})

describe('the maximum mean discrepancy', () => {
  it('is what its definition gives, computed in R', () => {
    const before = [
      [0, 0],
      [1, 0],
      [0, 1],
    ]
    const after = [
      [3, 3],
      [4, 3],
      [3, 5],
    ]
    expect(testVectors([{ before, after }], seededRandom('m'), 100).effect).toBeCloseTo(1.256111731, 8)
  })

  it('is found where vectors moved, and not where only prompts differ', () => {
    const cloud = (shift: number, seed: string) => {
      const random = seededRandom(seed)
      const vector = (centre: number) => repeat(5, () => centre + random() + random() - 1)
      return repeat(10, (prompt) => ({
        before: repeat(5, () => vector(prompt * 30)),
        after: repeat(5, () => vector(prompt * 30 + shift)),
      }))
    }
    expect(testVectors(cloud(0.5, 'a'), seededRandom('p'), 2000).p).toBeLessThan(0.001)
    expect(testVectors(cloud(0, 'b'), seededRandom('p'), 2000).p).toBeGreaterThan(0.01)
  })

  it('finds nothing in one vector, or in vectors that are all the same', () => {
    expect(testVectors([{ before: [[1]], after: [[2]] }], seededRandom('p'), 100)).toEqual({
      p: 1,
      effect: 0,
    })
    const same = repeat(4, () => [1, 2])
    expect(testVectors([{ before: same, after: same }], seededRandom('p'), 100).p).toBe(1)
  })
})
