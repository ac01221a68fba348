/** Random numbers that a seed repeats, for permutation tests and generated prompts. Not for secrets. */

/** @returns a number from 0 up to, and not including, 1 */
export type Random = () => number

/**
 * Creates a generator (Mulberry32 by T. Ettinger: 32 bits of state, which is enough for 10^5 shuffles).
 * @param seed any text
 */
export function seededRandom(seed: string): Random {
  let state = 0x811c9dc5
  for (let at = 0; at < seed.length; at++) state = Math.imul(state ^ seed.charCodeAt(at), 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
