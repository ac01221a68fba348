/**
 * Failed logins, counted by network in windows of a minute: what guesses credentials is slowed down. Bounded: of many
 * networks those that failed last are known.
 */
import { LRUCache } from 'lru-cache'

/** Counts one failed login of a network. @returns milliseconds to wait; 0 while there were not too many */
export type CountFailure = (network: string) => number | Promise<number>

const windowMs = 60_000
const maxNetworks = 10_000

/**
 * Starts with no failures.
 * @param nowMs a time that never goes back
 * @param max failures of one network in a minute
 */
export function countFailures(nowMs: () => number, max: () => number): CountFailure {
  const windows = new LRUCache<string, { readonly untilMs: number; count: number }>({ max: maxNetworks })
  return (network) => {
    const now = nowMs()
    let window = windows.get(network)
    if (window === undefined || now >= window.untilMs) {
      window = { untilMs: now + windowMs, count: 0 }
      windows.set(network, window)
    }
    window.count++
    return window.count > max() ? window.untilMs - now : 0
  }
}
