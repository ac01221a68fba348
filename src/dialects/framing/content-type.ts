/** Chooses the framing of a response by its content type; what is no kind of stream is one document. */

import { wholeDocument } from './document.ts'
import type { Framing } from './framing.ts'
import { ndjson } from './ndjson.ts'
import { sse } from './sse.ts'

/** Returns the framing for a `content-type` header. */
export function framingOf(contentType: string): Framing {
  const type = mediaTypeOf(contentType)
  return type === sse.contentType ? sse : type === ndjson.contentType ? ndjson : wholeDocument
}

/** Returns the media type of a `content-type` header, in lower case and without parameters (RFC 9110, 8.3.1). */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}
