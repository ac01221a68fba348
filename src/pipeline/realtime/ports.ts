/** What a realtime session needs of its two WebSockets; `http/` has them. */

/** One side of a session. */
export interface EventSocket {
  /** Sends a message. @returns false if the other end does not keep up; `onDrain` says when it does again */
  send(message: string): boolean
  onDrain(resume: () => void): void
  /** Stops reading, so that the other end has to wait. */
  pause(): void
  resume(): void
  /** @param code of RFC 6455, 7.4 @param reason a word of ours, of at most 123 bytes */
  close(code: number, reason: string): void
}
