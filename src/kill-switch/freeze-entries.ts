/** All freeze entries, by subject. The latest of each holds; of two at the same time the one that freezes. */
import { type FreezeEntry, isInForce, subjectOf } from './freeze-entry.ts'

/** Freeze entries by their subject (`subjectOf`). */
export type FreezeEntries = ReadonlyMap<string, FreezeEntry>

/** Entries that are over are kept, so that an old copy does not bring back what they lifted. */
const keepMs = 90 * 86_400_000
const max = 2000

/** Whether the subject of `about` is frozen. @param nowMs epoch milliseconds */
export function isHeld(
  entries: FreezeEntries,
  about: Pick<FreezeEntry, 'kind' | 'name'>,
  nowMs: number,
): boolean {
  const entry = entries.get(subjectOf(about))
  return entry !== undefined && isInForce(entry, nowMs)
}

/** Picks the entries in `found` that `known` does not have, without those that are old enough to be forgotten. */
export function newEntries(known: FreezeEntries, found: Iterable<FreezeEntry>, nowMs: number): FreezeEntry[] {
  return [...found].filter((entry) => {
    const before = known.get(subjectOf(entry))
    if (!before) return !isForgotten(entry, nowMs)
    return entry.at > before.at || (entry.at === before.at && entry.frozen && !before.frozen)
  })
}

/** Adds what is new in `found`, and drops what may be forgotten. */
export function merged(known: FreezeEntries, found: readonly FreezeEntry[], nowMs: number): FreezeEntries {
  const all = new Map(known)
  for (const entry of newEntries(known, found, nowMs)) all.set(subjectOf(entry), entry)
  for (const [subject, entry] of all) if (isForgotten(entry, nowMs)) all.delete(subject)
  // The oldest that are over make room; what is frozen never does.
  const overs = [...all.values()].filter((entry) => !isInForce(entry, nowMs)).toSorted((a, b) => a.at - b.at)
  for (const entry of overs.slice(0, Math.max(0, all.size - max))) all.delete(subjectOf(entry))
  return all
}

function isForgotten(entry: FreezeEntry, nowMs: number): boolean {
  return !isInForce(entry, nowMs) && Math.max(entry.at, entry.until ?? 0) < nowMs - keepMs
}
