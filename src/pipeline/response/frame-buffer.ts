/**
 * Frames of which something is held back, and those behind them, until it is clear what becomes of it: if it was clean,
 * they leave as the model server sent them, byte for byte; if something was cut, as they are without it.
 */

import type { OutputFilter } from '../../dialects/common/output-filter.ts'
import type { Frame } from '../../dialects/framing/framing.ts'

/** Frames that wait at most; more than this many words never hold each other up. */
const maxFrames = 256

/** Frames that wait. */
export interface FrameBuffer {
  /** A frame that the reader returned. */
  add(frame: Frame): void
  /** All frames of one that came in were added. */
  settle(last: boolean): void
  /** Code units of what waits, as it came and as it would leave. */
  readonly held: number
}

/**
 * Makes an empty buffer.
 * @param emit called with what leaves, in order
 */
export function createFrameBuffer(filter: OutputFilter, emit: (frame: Frame) => void): FrameBuffer {
  let waiting: Frame[] = []
  let cuts = filter.cuts
  let gaveUp = false
  let held = 0

  const leave = (asSent: boolean) => {
    for (const frame of waiting) {
      if (!asSent || frame.unheld === undefined) emit(frame)
      else if (frame.unheld !== '') emit({ ...frame, data: frame.unheld })
    }
    waiting = []
    held = 0
  }

  return {
    add(frame) {
      if (waiting.length === 0 && frame.unheld === undefined) emit(frame)
      else {
        waiting.push(frame)
        held += frame.data.length + (frame.unheld?.length ?? 0)
      }
    },
    get held() {
      return held
    },
    settle(last) {
      if (waiting.length === 0) return
      const isClean = filter.cuts === cuts && !gaveUp
      if (!filter.isHolding || last) {
        leave(isClean)
        gaveUp = false
      } else if (!isClean || waiting.length > maxFrames) {
        // What was held in these frames leaves with later ones.
        leave(false)
        gaveUp = true
      }
      cuts = filter.cuts
    },
  }
}
