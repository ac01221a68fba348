/** Reads what a file claims so that no other reader could take it for something else. */
import { isObject, JsonFault, type JsonObject, type JsonValue, readJson } from '../../core/json.ts'
import { AttestationFault } from './fault.ts'

/** Reads a JSON object. @param what names it in errors @throws AttestationFault */
export function readObject(bytes: Uint8Array, what: string): JsonObject {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new AttestationFault(`${what} is not UTF-8`)
  }
  try {
    return asObject(readJson(text), what)
  } catch (error) {
    throw error instanceof JsonFault ? new AttestationFault(`${what}: ${error.message}`) : error
  }
}

/** Returns a value that must be an object. @throws AttestationFault */
export function asObject(value: JsonValue | undefined, what: string): JsonObject {
  if (!isObject(value)) throw new AttestationFault(`${what} is not an object`)
  return value
}

/** Returns a value that must be a list of objects. @throws AttestationFault */
export function asObjects(value: JsonValue | undefined, what: string): readonly JsonObject[] {
  if (!Array.isArray(value)) throw new AttestationFault(`${what} is not a list`)
  return value.map((each) => asObject(each, `an entry of ${what}`))
}

/** Returns a value that must be a text. @throws AttestationFault */
export function asText(value: JsonValue | undefined, what: string): string {
  if (typeof value !== 'string') throw new AttestationFault(`${what} is not a text`)
  return value
}

/** Refuses fields that are not known. @throws AttestationFault */
export function allowOnly(object: JsonObject, known: readonly string[], what: string): void {
  if (Object.keys(object).some((key) => !known.includes(key)))
    throw new AttestationFault(`${what} has a field that is not known`)
}

/** Decodes Base64 (RFC 4648, section 4) in its one canonical form. @throws AttestationFault */
export function base64Bytes(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (text === '' || bytes.toString('base64') !== text)
    throw new AttestationFault(`${what} is not canonical Base64`)
  return bytes
}
