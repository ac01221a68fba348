/**
 * The maximum mean discrepancy of two sets of vectors (Gretton et al., "A Kernel Two-Sample Test", JMLR 2012), with a
 * Gaussian kernel as wide as the median distance, and a permutation test.
 */
import { median } from 'simple-statistics'
import { permutationP, poolOf } from './permutation.ts'
import type { Random } from './random.ts'
import type { Stratum, Tested } from './strata.ts'

/** Vectors of one test: kernel values are kept for each pair of them. */
const maxVectors = 400

/**
 * Tests whether vectors are distributed differently. Each is taken relative to the mean of its prompt, because answers to
 * different prompts differ more than those of two versions.
 * @returns as effect the unbiased estimate of the squared discrepancy, at most 2; strata beyond 400 vectors are left out
 */
export function testVectors(
  strata: readonly Stratum<readonly number[]>[],
  random: Random,
  permutations: number,
): Tested {
  const pool = poolOf(withinBound(strata).map(centred))
  const { items, labels } = pool
  const size = items.length
  const ofAfter = labels.reduce((sum, label) => sum + label, 0)
  const ofBefore = size - ofAfter
  if (ofAfter < 2 || ofBefore < 2) return { p: 1, effect: 0 }
  const kernel = kernelOf(items)
  const statistic = (given: Uint8Array) => {
    let [within, beside, across] = [0, 0, 0]
    for (let row = 1; row < size; row++) {
      const label = given[row]
      const start = row * size
      for (let column = 0; column < row; column++) {
        const value = kernel[start + column] ?? 0
        if (label !== given[column]) across += value
        else if (label === 1) within += value
        else beside += value
      }
    }
    return (
      (2 * within) / (ofAfter * (ofAfter - 1)) +
      (2 * beside) / (ofBefore * (ofBefore - 1)) -
      (2 * across) / (ofAfter * ofBefore)
    )
  }
  return { p: permutationP(pool, statistic, random, permutations), effect: statistic(labels) }
}

function withinBound(strata: readonly Stratum<readonly number[]>[]): readonly Stratum<readonly number[]>[] {
  let count = 0
  return strata.filter(({ before, after }) => {
    count += before.length + after.length
    return count <= maxVectors
  })
}

function centred({ before, after }: Stratum<readonly number[]>): Stratum<readonly number[]> {
  const all = [...before, ...after]
  const mean = (all[0] ?? []).map((_, at) => all.reduce((sum, each) => sum + (each[at] ?? 0), 0) / all.length)
  const relative = (vectors: readonly (readonly number[])[]) =>
    vectors.map((each) => each.map((value, at) => value - (mean[at] ?? 0)))
  return { before: relative(before), after: relative(after) }
}

function kernelOf(vectors: readonly (readonly number[])[]): Float64Array {
  const size = vectors.length
  const squares = new Float64Array(size * size)
  const distances: number[] = []
  for (let row = 0; row < size; row++)
    for (let column = 0; column < row; column++) {
      const square = squaredDistance(vectors[row] ?? [], vectors[column] ?? [])
      squares[row * size + column] = square
      distances.push(square)
    }
  const middle = median(distances)
  // All vectors the same: any width does.
  const width = middle > 0 ? middle : 1
  return squares.map((square) => Math.exp(-square / width))
}

function squaredDistance(a: readonly number[], b: readonly number[]): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += ((a[at] ?? 0) - (b[at] ?? 0)) ** 2
  return sum
}
