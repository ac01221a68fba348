/**
 * Reads an item that earlier bodies of the caller had too as it was read then. Conversations come whole with every
 * request, so all but the last messages are such items. What was read is frozen, because several bodies hold it.
 */
import { freezeDeep, isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { SharedItems } from '../dialect.ts'
import { maxPath, Notes } from './notes.ts'
import { keepJson } from './shared-json.ts'

/** As in `shape.ts`. */
type Read = (value: JsonValue, at: string, notes: Notes) => JsonValue | undefined

/** Reads an item of a list by a shape, or takes what was read of it before by the same shape. @param at of the list */
export function readShared(
  shape: Read,
  list: readonly JsonValue[],
  index: number,
  at: string,
  notes: Notes,
): JsonValue | undefined {
  const { shared } = notes
  const item = list[index] ?? null
  if (!shared || !isObject(item)) return shape(item, pathOf(at, index), notes)
  const before = shared.get(item)
  if (before?.shape === shape && before.notes instanceof Notes && notes.isAsAround(before.notes)) {
    notes.add(before.notes, before.notes.dropped.length > 0 ? pathOf(at, index) : '', before.at)
    return before.value
  }
  if (!shared.has(item)) return shape(item, pathOf(at, index), notes)
  return readAndKeep(shape, item, pathOf(at, index), notes, shared)
}

function pathOf(at: string, index: number): string {
  return `${at}[${index}]`
}

function readAndKeep(
  shape: Read,
  item: JsonObject,
  at: string,
  notes: Notes,
  shared: SharedItems,
): JsonValue | undefined {
  const own = new Notes(notes.allowed, undefined, notes)
  const value = shape(item, at, own)
  own.makeLasting()
  // A path that was cut would be cut elsewhere at another place.
  if (own.dropped.every((path) => path.length < maxPath)) {
    if (isObject(value)) {
      freezeDeep(value)
      keepJson(value)
    }
    shared.set(item, { shape, at, notes: own, value })
  }
  notes.add(own, at, at)
  return value
}
