/**
 * Server-sent events (WHATWG HTML, 9.2), parsed by `eventsource-parser`. Comments are dropped; an event without its blank
 * line at the end of the stream is discarded, as the standard requires.
 */
import { createParser } from 'eventsource-parser'
import type { JsonObject } from '../../core/json.ts'
import { type Frame, type Framing, maxFrame } from './framing.ts'
import { createUtf8 } from './utf8.ts'

/** A comment for pauses, which every client drops. */
export const sseComment = ': waiting\n\n'

/** Makes the event of a document whose `type` is the event's name, as Anthropic and the Responses API have it. */
export function eventFrame(document: JsonObject): Frame {
  return { event: String(document.type), data: JSON.stringify(document) }
}

/** The framing of `text/event-stream`. */
export const sse: Framing = {
  contentType: 'text/event-stream',
  streams: true,
  encode({ event, data }) {
    const lines = data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data
    return event === undefined ? `data: ${lines}\n\n` : `event: ${event}\ndata: ${lines}\n\n`
  },
  split(onFrame) {
    const utf8 = createUtf8()
    let overrun = false
    // The parser bounds a line, not an event of many.
    let sinceEvent = 0
    const parser = createParser({
      maxBufferSize: maxFrame,
      onEvent(event) {
        sinceEvent = 0
        onFrame(event)
      },
      onError: (error) => {
        overrun ||= error.type === 'max-buffer-size-exceeded'
      },
    })
    return {
      get held() {
        return sinceEvent
      },
      push(bytes) {
        sinceEvent += bytes.length
        parser.feed(utf8.push(bytes))
        if (overrun || sinceEvent > maxFrame) throw new RangeError('an event of the answer is too long')
      },
      end() {
        parser.feed(utf8.end())
      },
    }
  },
}
