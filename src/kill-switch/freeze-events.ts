/** Finds what was frozen and unfrozen since the audit log told of it last, also while no gateway ran. */
import Type, { type Static } from 'typebox'
import { type FreezeEntry, isInForce, subjectOf } from './freeze-entry.ts'

/** The schema of `KnownFreezes`. */
export const knownFreezesSchema = Type.Record(
  Type.String(),
  Type.Object({ at: Type.Number(), until: Type.Union([Type.Number(), Type.Null()]), frozen: Type.Boolean() }),
)
/** Of each subject, the entry that the audit log tells of. */
export type KnownFreezes = Static<typeof knownFreezesSchema>

/** An event for the audit log. */
export interface FreezeEvent {
  readonly event: 'frozen' | 'unfrozen'
  readonly details: object
  readonly atMs: number
}

/** Notes what the log knows once it tells of these entries. */
export function knownFreezesOf(entries: Iterable<FreezeEntry>): KnownFreezes {
  return Object.fromEntries(
    [...entries].map((entry) => {
      const { at, until, frozen } = entry
      return [subjectOf(entry), { at, until, frozen }]
    }),
  )
}

/**
 * Makes an event of each entry that the log does not tell of yet.
 * @param known undefined at the first start: then only what is in force is new
 * @param pseudonymOf names a person: an event stays in the log for good, and ids of persons must be erasable
 */
export function freezeEventsSince(
  known: KnownFreezes | undefined,
  entries: Iterable<FreezeEntry>,
  nowMs: number,
  pseudonymOf: (person: string) => string,
): FreezeEvent[] {
  return [...entries].flatMap((entry) => {
    const { kind, name, why, by, at, until, frozen } = entry
    const before = known?.[subjectOf(entry)]
    if (before && before.at >= at && before.frozen === frozen) return []
    if (!known && !isInForce(entry, nowMs)) return []
    // To unfreeze what is not frozen changes nothing.
    if (!frozen && !(before && isInForce(before, at))) return []
    const details = {
      kind,
      name: kind === 'person' ? pseudonymOf(name) : name,
      why,
      by,
      ordered: new Date(at).toISOString(),
      until: until === null ? null : new Date(until).toISOString(),
    }
    return [{ event: frozen ? 'frozen' : 'unfrozen', details, atMs: at }]
  })
}
