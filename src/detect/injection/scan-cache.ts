/**
 * What was found out about a text, kept for when it comes again: agents send their whole conversation with every
 * step, so most of what a guard reads it has read before.
 *
 * Kept per owner. If one caller's text made another's faster, a stopwatch would tell what others have said. Bounded
 * by the characters it holds; what was not asked for the longest goes first.
 */
import { LRUCache } from 'lru-cache'

/** Finds out about texts, and keeps what it found out. */
export interface Recall<T> {
  /** @param owner whose text it is */
  of(text: string, owner: string): T
}

/** The same for what takes its time to be found out. */
export interface Memory<T> {
  /** @returns undefined if it is not known, or another's */
  find(text: string, owner: string): T | undefined
  keep(text: string, owner: string, found: T): void
}

/** Short texts are not kept: reading them anew costs less than what keeping thousands of them costs the collector. */
const shortest = 512
const maxCharacters = 1024 * 1024

/** @param findOut must depend on the text alone */
export function createRecall<T>(findOut: (text: string) => T, max = maxCharacters): Recall<T> {
  const memory = createMemory<{ readonly found: T }>(max)
  return {
    of(text, owner) {
      const known = memory.find(text, owner)
      if (known) return known.found
      const found = findOut(text)
      memory.keep(text, owner, { found })
      return found
    },
  }
}

/**
 * @param max characters of all texts together
 * @param least characters of a text that is worth keeping
 */
export function createMemory<T>(max = maxCharacters, least = shortest): Memory<T> {
  const known = new LRUCache<string, { readonly owner: string; readonly found: T }>({
    maxSize: max,
    sizeCalculation: (_entry, text) => text.length,
  })
  const isKept = (text: string) => text.length >= least && text.length <= max
  return {
    find(text, owner) {
      if (!isKept(text) || known.peek(text)?.owner !== owner) return undefined
      return known.get(text)?.found
    },
    keep(text, owner, found) {
      if (isKept(text)) known.set(text, { owner, found })
    },
  }
}
