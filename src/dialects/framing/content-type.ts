/** Which framing an answer has, by its content type; what is neither kind of stream is one document. */

import { wholeDocument } from './document.ts'
import type { Framing } from './framing.ts'
import { ndjson } from './ndjson.ts'
import { sse } from './sse.ts'

export function framingOf(contentType: string): Framing {
  const type = mediaTypeOf(contentType)
  return type === sse.contentType ? sse : type === ndjson.contentType ? ndjson : wholeDocument
}

/** Without parameters, lower case. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}
