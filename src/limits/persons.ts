/**
 * Whose account a person of a key has. Whoever holds the key can invent persons, so only so many have accounts of their
 * own; those beyond share one until a day has passed. So memory is bounded here and in Redis, and inventing more gains
 * nothing. The limits of the key hold in any case.
 */
import { type Account, dayMs } from './store.ts'

/** Of one key, and of all keys together, in a day. */
const maxEach = 10_000
const maxInAll = 20_000
/** Looking for those that are over takes a while. */
const sweepMs = 60_000

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
      if (ofKey.size >= maxEach || this.#count >= maxInAll) return false
    }
    this.#seen.set(key, ofKey.set(person, nowMs))
    this.#count++
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
