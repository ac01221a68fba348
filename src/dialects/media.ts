/**
 * Images in a request: base64 only, counted, never fetched. What a picture says is not read by any guard,
 * which is why a role gets none unless its policy says `caps.images`.
 */
import type { JsonValue } from '../core/json.ts'
import { invalid, type Shape } from './shape.ts'

const base64 = /^[A-Za-z0-9+/]+={0,2}$/
const dataUrl = /^data:image\/[a-z0-9.+-]{1,32};base64,/

/** A base64 string (Ollama's `images`). */
export const base64Image: Shape = (value, at, notes) => {
  if (typeof value !== 'string')
    return invalid(`\`${at}\` must be a base64 string, not a buffer or an object.`)
  if (!base64.test(value)) return invalid(`\`${at}\` is not base64.`)
  notes.images++
  return value
}

/** A `data:` URL; a remote one would be fetched by the model server, or by nobody. */
export const dataUrlImage: Shape = (value: JsonValue, at, notes) => {
  if (typeof value !== 'string') return invalid(`\`${at}\` must be a string.`)
  const head = dataUrl.exec(value)
  if (!head || !base64.test(value.slice(head[0].length)))
    return invalid(`\`${at}\` must be a data: URL of an image in base64; other URLs are not fetched.`)
  notes.images++
  return value
}
