/**
 * How the events of a Realtime server are built anew: a declared field is copied if it is what it must be, its texts go
 * through the output filter, and everything else is dropped.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { Edits, OutputFilter, TextKind } from '../common/output-filter.ts'
import { malformed } from '../common/response-schema.ts'

/** What reads the fields of one event. */
export interface FieldReading {
  readonly filter: OutputFilter
  readonly edits: Edits
}

/** Reads a value. @returns undefined: it is dropped @throws Refusal `upstream_failed` */
export type Field = (value: JsonValue, reading: FieldReading) => JsonValue | undefined

/** A text that must pass the filter where it stands. */
interface TextField extends Field {
  readonly kind: TextKind
}

/** Matches ids, types and states: nothing that could be a message. */
const plain = /^[\w.:/-]{0,128}$/
/** Of one list of items or parts. */
const maxItems = 4096

/** An id, a type or a state. */
export const word: Field = (value) =>
  typeof value === 'string' && plain.test(value) ? value : malformed('an event with an ill id, type or state')

/** A number. */
export const count: Field = (value) =>
  typeof value === 'number' ? value : malformed('an event with an ill number')

/** True or false. */
export const flag: Field = (value) =>
  typeof value === 'boolean' ? value : malformed('an event with an ill flag')

/** A number or a word, such as `inf`. */
export const countOrWord: Field = (value, reading) =>
  (typeof value === 'number' ? count : word)(value, reading)

/** Sound in base64. */
export const sound: Field = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
    ? value
    : malformed('sound that is not base64')

/** A piece of a text, which its reader hands to the filter. */
export const piece: Field = (value) =>
  typeof value === 'string' ? value : malformed('an event with an ill text')

/** A text that the client has had before, in pieces, or that comes whole. */
export function text(kind: TextKind): Field {
  const field: Field = (value) => (typeof value === 'string' ? value : malformed('an event with an ill text'))
  return Object.assign(field, { kind })
}

/** A list. */
export function list(field: Field): Field {
  return (value, reading) => {
    if (!Array.isArray(value) || value.length > maxItems) return malformed('an event with an ill list')
    return value.flatMap((each) => field(each, reading) ?? [])
  }
}

/** An object with these fields; others are dropped. */
export function object(
  fields: Readonly<Record<string, Field>>,
): (value: JsonValue, reading: FieldReading) => JsonObject {
  const known = Object.entries(fields)
  return (value, reading) => {
    if (!isObject(value)) return malformed('an event with an ill object')
    const fresh: JsonObject = {}
    for (const [key, field] of known) {
      const member = value[key]
      if (member === undefined || member === null) continue
      const read = field(member, reading)
      if (read === undefined) continue
      fresh[key] = read
      if (isTextField(field) && typeof read === 'string')
        reading.edits.put(fresh, key, read, reading.filter.whole(field.kind, read, true))
    }
    return fresh
  }
}

function isTextField(field: Field): field is TextField {
  return 'kind' in field
}
