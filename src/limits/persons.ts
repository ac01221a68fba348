/**
 * Whose account a person of a key has. Whoever holds the key can invent persons, so only so many have accounts of their
 * own; those beyond share one until a day has passed. So memory is bounded here and in Redis, and inventing more gains
 * nothing. The limits of the key hold in any case. Where all places are taken, a key that has fewer than half its share gets
 * those of the key that has most, so that whoever invents persons displaces no others than its own.
 */
import { type Account, dayMs } from './store.ts'

/** Of one key, and of all keys together, in a day. */
const maxEach = 10_000
const maxInAll = 20_000
/** Looking for those that are over takes a while. */
const sweepMs = 60_000
/** Places that a key loses at once, because looking for the key with most of them takes a while too. */
const movedAtOnce = 64

/** No person has this name, nor an empty one. */
const others = '*'

/** The persons that were seen within a day. */
export class Persons {
  /** When each was seen last, the latest at the end. */
  readonly #seen = new Map<string, Map<string, number>>()
  #count = 0
  #sweptMs = Number.NEGATIVE_INFINITY

  /**
   * Names the account of a person.
   * @param key id of the key
   * @param person undefined: the request names none; those of a key count as one
   * @param nowMs by a monotonic clock
   */
  accountOf(key: string, person: string | undefined, nowMs: number): Account {
    const own = person === undefined || this.#has(key, person, nowMs)
    return { scope: 'person', name: `${key} ${own ? (person ?? '') : others}` }
  }

  /** @returns whether the person has an account of its own */
  #has(key: string, person: string, nowMs: number): boolean {
    const ofKey = this.#seen.get(key) ?? new Map<string, number>()
    if (ofKey.delete(person)) this.#count--
    else if (ofKey.size >= maxEach || this.#count >= maxInAll) {
      this.#sweep(nowMs)
      if (ofKey.size >= maxEach) return false
      if (this.#count >= maxInAll && !this.#makeRoom(ofKey.size)) return false
    }
    this.#seen.set(key, ofKey.set(person, nowMs))
    this.#count++
    return true
  }

  /** Takes places from the key with most of them. @param size of the key that wants one @returns whether there is room */
  #makeRoom(size: number): boolean {
    // Half, or keys that all want more would take places from each other for ever.
    if (size >= maxInAll / this.#seen.size / 2) return false
    let largest = new Map<string, number>()
    for (const persons of this.#seen.values()) if (persons.size > largest.size) largest = persons
    if (largest.size < 2) return false
    let moved = Math.min(movedAtOnce, largest.size >> 1)
    for (const eldest of largest.keys()) {
      if (moved-- === 0) break
      largest.delete(eldest)
      this.#count--
    }
    return true
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < sweepMs) return
    this.#sweptMs = nowMs
    for (const [key, persons] of this.#seen) {
      for (const [person, seenMs] of persons) {
        if (nowMs - seenMs < dayMs) break
        persons.delete(person)
        this.#count--
      }
      if (persons.size === 0) this.#seen.delete(key)
    }
  }
}
