/** An answer that is no text, such as speech: passed on as it comes; an empty frame says that it is over. */
import type { Framing } from './framing.ts'

const nothing = new Uint8Array(0)

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
