/**
 * How the bytes of a response become frames, and frames become bytes. A splitter holds an unfinished frame only, of at
 * most `maxFrame`.
 */

/** UTF-16 code units of one unfinished frame. The largest are whole responses, such as the embeddings of many texts. */
export const maxFrame = 64 * 1024 * 1024

/** One unit of a response: a line, an event or the whole. `event` is the name of a server-sent event. */
export interface Frame {
  readonly event?: string | undefined
  readonly data: string
  /** Replaces `data` in a response that is no text. */
  readonly bytes?: Uint8Array
  /** What `data` would be if the output filter had held nothing; empty: there would be no frame. */
  readonly unheld?: string
}

/** Splits one response into frames. */
export interface Splitter {
  /** Bytes, or UTF-16 code units, of the unfinished frame. */
  readonly held: number
  /** Decodes and splits, and calls back for each complete frame in order. @throws RangeError over `maxFrame` */
  push(bytes: Uint8Array): void
  /** Ends the response, and calls back for a last frame without its terminator. */
  end(): void
}

/** One kind of framing. */
export interface Framing {
  readonly contentType: string
  /** Whether an error can follow what was already sent. */
  readonly streams: boolean
  /** A pause in a response means nothing: its connection is that of a session. */
  readonly mayPause?: true
  split(onFrame: (frame: Frame) => void): Splitter
  /** Returns one frame as it is on the wire. */
  encode(frame: Frame): string | Uint8Array
}
