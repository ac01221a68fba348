/** The framing of a response that is no text, such as speech: forwarded as it arrives. An empty frame marks the end. */
import type { Framing } from './framing.ts'

const nothing = new Uint8Array(0)

/** Makes the framing for a content type. */
export function binary(contentType: string): Framing {
  return {
    contentType,
    streams: false,
    encode: (frame) => frame.bytes ?? nothing,
    split: (onFrame) => ({
      held: 0,
      push: (piece) => onFrame({ data: '', bytes: piece }),
      end: () => onFrame({ data: '', bytes: nothing }),
    }),
  }
}
