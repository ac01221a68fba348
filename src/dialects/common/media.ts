/**
 * Images in a request: base64 only, counted and measured, never fetched by the gateway. No guard reads an image, so a role
 * gets none unless its policy sets `caps.images`, and the response header `x-torwart-guards` says that it went unread.
 */
import type { Notes } from './notes.ts'
import { invalid, onlyIfAllowed, type Shape } from './shape.ts'

const base64 = /^[A-Za-z0-9+/]+={0,2}$/
const dataUrl = /^data:image\/[a-z0-9.+-]{1,32};base64,/
const remoteUrl = /^https?:\/\/[\x21-\x7e]{1,2048}$/

function noteImage(notes: Notes, encoded: string): void {
  notes.counts.images++
  notes.counts.imageBytes += Math.floor((encoded.length * 3) / 4)
  notes.unread.add('images')
}

/** An image as a base64 string (Ollama's `images`, Anthropic's `source.data`). */
export const base64Image: Shape = (value, at, notes) => {
  if (typeof value !== 'string')
    return invalid(`\`${at}\` must be a base64 string, not a buffer or an object.`)
  if (!base64.test(value)) return invalid(`\`${at}\` is not base64.`)
  noteImage(notes, value)
  return value
}

/** A remote URL, which the model server would fetch. Refused unless the role allows `mediaUrls`. */
export const mediaUrl: Shape = onlyIfAllowed(
  'mediaUrls',
  (value, at, notes) => {
    if (typeof value !== 'string' || !remoteUrl.test(value)) return invalid(`\`${at}\` must be a URL.`)
    noteImage(notes, '')
    notes.unread.add('mediaUrls')
    return value
  },
  'An image must be a data: URL in base64. Other URLs are not fetched.',
)

/** A `data:` URL of an image, or a remote URL if the role allows `mediaUrls`. */
export const imageUrl: Shape = (value, at, notes) => {
  if (typeof value !== 'string') return invalid(`\`${at}\` must be a string.`)
  if (!value.startsWith('data:')) return mediaUrl(value, at, notes)
  const head = dataUrl.exec(value)
  const encoded = value.slice(head?.[0].length)
  if (!head || !base64.test(encoded)) return invalid(`\`${at}\` must be a data: URL of an image in base64.`)
  noteImage(notes, encoded)
  return value
}
