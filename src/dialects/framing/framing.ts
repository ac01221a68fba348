/**
 * How bytes of an answer become frames and frames become bytes again. A splitter holds back only an
 * unfinished frame and is bounded by `maxFrame`.
 */

/** UTF-16 code units of one unfinished frame; a whole answer (embeddings of many texts) is the largest. */
export const maxFrame = 64 * 1024 * 1024

/** One unit of an answer: a line, an event or the whole. `event` is the name of a server-sent one. */
export interface Frame {
  readonly event?: string | undefined
  readonly data: string
  /** Instead of `data`, of an answer that is no text. */
  readonly bytes?: Uint8Array
  /** What `data` would be if nothing of it had been held back; empty: the frame would not be. */
  readonly unheld?: string
}

export interface Splitter {
  /** Bytes, or code units, of the frame that is not finished. */
  readonly held: number
  /** Decodes and splits; calls back once per complete frame, in order. @throws RangeError over `maxFrame` */
  push(bytes: Uint8Array): void
  /** The answer ended; an unterminated last frame comes out now. */
  end(): void
}

export interface Framing {
  readonly contentType: string
  /** Whether there is room for an error behind what was already sent. */
  readonly streams: boolean
  split(onFrame: (frame: Frame) => void): Splitter
  /** What one frame is on the wire. */
  encode(frame: Frame): string | Uint8Array
}
