/** What the audit log tells of changes to the lock file: derived from the file, whoever wrote it. */
import Type, { type Static } from 'typebox'
import { type LockedModel, placeOf } from './lock.ts'

/** Digests that are on record, by model and server. */
export const knownLockSchema = Type.Record(Type.String(), Type.String())

/** What is on record of a lock file. */
export type KnownLock = Static<typeof knownLockSchema>

/** Returns what is on record once all of a lock is. */
export function knownLockOf(models: readonly LockedModel[]): KnownLock {
  return Object.fromEntries(models.map((model) => [placeOf(model), model.digest]))
}

/** Returns the events between what is on record and a lock. */
export function lockEventsSince(known: KnownLock = {}, models: readonly LockedModel[]) {
  const now = knownLockOf(models)
  const changed = models.filter((model) => known[placeOf(model)] !== model.digest)
  const taken = changed.map((model) => {
    const { name: named, upstream, digest, accepted, locked } = model
    const was = known[placeOf(model)] ?? accepted?.was ?? null
    const details = { model: named, upstream, was, is: digest }
    return accepted
      ? {
          event: 'model accepted',
          details: { ...details, why: accepted.why, by: accepted.by },
          atMs: Date.parse(accepted.at),
        }
      : { event: 'model locked', details, atMs: Date.parse(locked) }
  })
  const gone = Object.entries(known).filter(([place]) => now[place] === undefined)
  const removed = gone.map(([place, was]) => {
    const [, model, upstream] = JSON.parse(place) as readonly string[]
    const details = { model, upstream, was, is: null }
    return { event: 'model unlocked', details, atMs: Number.POSITIVE_INFINITY }
  })
  return [...taken, ...removed]
}
