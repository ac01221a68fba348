/** A time in which the log cannot be written, and what becomes of records meanwhile. */
import type { RecordContent, UnplacedContent } from './record.ts'

/** A record that waits for the end of this turn of the event loop. */
export interface QueuedRecord {
  readonly fields: object
  readonly content: RecordContent | UnplacedContent | undefined
  resolve(): void
  reject(error: unknown): void
}

/** A time in which the log cannot be written. */
export interface Outage {
  /** What happened first; the rest mostly follows from it. */
  readonly reason: string
  triedAtMs: number
  /** What went wrong last, and was reported. */
  error: Error | undefined
  unrecorded: number
  events: number
  /** What was found when the log was taken up again. */
  readonly found: { readonly event: string; readonly details: object }[]
}

/** Rejects records and counts them for the gap: they are not tried one by one against a disk that is full. */
export function turnAway(outage: Outage, waiting: readonly QueuedRecord[]): void {
  for (const { fields, reject } of waiting) {
    if ('event' in fields) outage.events++
    else outage.unrecorded++
    reject(outage.error)
  }
}
