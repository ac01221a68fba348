/** Where a search of the records goes on, as a word that the page hands back. It says numbers of records and nothing else. */
import Type from 'typebox'
import Value from 'typebox/value'
import type { SearchedDownTo } from '../../../audit/query/newest-first.ts'

const places = Type.Array(
  Type.Tuple([
    Type.String({ pattern: '^(?:w[1-9]\\d{0,3})?$' }),
    Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  ]),
  { maxItems: 256 },
)

/** Writes a cursor. */
export function cursorOf(place: SearchedDownTo): string {
  return Buffer.from(JSON.stringify([...place])).toString('base64url')
}

/** Reads a cursor. @returns undefined if it is none */
export function readCursor(text: string): SearchedDownTo | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return Value.Check(places, value) ? new Map(value) : undefined
  } catch {
    return undefined
  }
}
