/**
 * How bytes of an answer become frames and frames become bytes again. A splitter holds back only an
 * unfinished frame and is bounded by `maxFrame`.
 */

import type { Frame } from '../dialect.ts'

/** UTF-16 code units of one unfinished frame; a whole answer (embeddings of many texts) is the largest. */
export const maxFrame = 64 * 1024 * 1024

export interface Splitter {
  /** Decodes and splits; calls back once per complete frame, in order. @throws RangeError over `maxFrame` */
  push(bytes: Uint8Array): void
  /** The answer ended; an unterminated last frame comes out now. */
  end(): void
}

export interface Framing {
  readonly contentType: string
  split(onFrame: (frame: Frame) => void): Splitter
  /** The bytes of one frame. */
  print(frame: Frame): string
}
