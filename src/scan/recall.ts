/**
 * What was found out about a text, kept for when it comes again: agents send their whole conversation with every
 * step, so most of what a guard reads it has read before.
 *
 * Kept per owner. If one caller's text made another's faster, a stopwatch would tell what others have said. Bounded
 * by the characters it holds; what was not asked for the longest goes first.
 */
export interface Recall<T> {
  /** @param owner whose text it is */
  of(text: string, owner: string): T
}

/** Short texts are not kept: reading them anew costs less than what keeping thousands of them costs the collector. */
const shortest = 512
const mostCharacters = 1024 * 1024

/** @param findOut must depend on the text alone */
export function createRecall<T>(findOut: (text: string) => T, most = mostCharacters): Recall<T> {
  const known = new Map<string, { readonly owner: string; readonly found: T }>()
  let held = 0
  return {
    of(text, owner) {
      if (text.length < shortest || text.length > most) return findOut(text)
      const before = known.get(text)
      const mine = before?.owner === owner
      const entry = mine ? before : { owner, found: findOut(text) }
      // To the end of the map, which is the order in which entries go.
      if (before) known.delete(text)
      else held += text.length
      known.set(text, entry)
      for (const oldest of known.keys()) {
        if (held <= most) break
        known.delete(oldest)
        held -= oldest.length
      }
      return entry.found
    },
  }
}
