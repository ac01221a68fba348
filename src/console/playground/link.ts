/**
 * A link that carries a text in its fragment, which browsers send nowhere: `#c=user&t=…`, where `t` is the text in UTF-8,
 * compressed (deflate, RFC 1951) and in base64url (RFC 4648).
 */
import { type Channel, channels } from '../../core/text.ts'

/** What a link carries. */
export interface Linked {
  readonly channel: Channel
  readonly text: string
}

/** Characters of a fragment: what mail and chat programs still pass on. */
export const maxFragment = 8000
/** Bytes that a link may become: a small one can decompress to gigabytes. */
const maxBytes = 1_048_576

/** Returns the fragment for a text, without `#`; undefined if it would be too long. */
export async function toFragment({ channel, text }: Linked): Promise<string | undefined> {
  // What is longer hardly becomes so much shorter.
  if (text.length > maxBytes / 4) return undefined
  const bytes = new TextEncoder().encode(text)
  const packed = await bytesOf(new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw')))
  if (!packed) return undefined
  const binary = Array.from(packed, (byte) => String.fromCharCode(byte)).join('')
  const encoded = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  const fragment = `c=${channel}&t=${encoded}`
  return fragment.length > maxFragment ? undefined : fragment
}

/** Reads a fragment, with or without `#`; undefined if it is none of ours, or broken. */
export async function fromFragment(fragment: string): Promise<Linked | undefined> {
  if (fragment.length > maxFragment + 1) return undefined
  const fields = new URLSearchParams(fragment.replace(/^#/, ''))
  const channel = channels.find((each) => each === fields.get('c'))
  const encoded = fields.get('t')
  if (!channel || encoded === null || !/^[\w-]*$/.test(encoded)) return undefined
  try {
    const binary = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'))
    const packed = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    const bytes = await bytesOf(
      new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw')),
    )
    if (!bytes) return undefined
    return { channel, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    return undefined
  }
}

/** @returns undefined if there are more than `maxBytes` */
async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > maxBytes) {
      await reader.cancel()
      return undefined
    }
    pieces.push(value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
