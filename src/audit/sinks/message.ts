/** What goes to a receiver, and the way there. */

/** A way to a receiver of records. */
export interface SinkTransport {
  /** Resolves when they were taken; rejects if that is not known. */
  send(records: readonly SinkMessage[]): Promise<void>
  close(): void
}

/** A record as a receiver takes it. */
export interface SinkMessage {
  readonly text: string
  /** 0 to 10, as CEF counts. */
  readonly severity: number
  /** RFC 3339. */
  readonly time: string
}
