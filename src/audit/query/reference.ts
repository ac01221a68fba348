/** How a record refers to a text that an earlier record of the same caller has. */
import { hash } from 'node:crypto'

/** Hex digits of a SHA-256: enough to find one text among those of a log, and short. */
export const referenceLength = 16

/**
 * Makes the reference by which a later record names a text.
 * @param recorded the text as it stands in the log, masked
 */
export function referenceTo(recorded: string): string {
  return hash('sha256', recorded).slice(0, referenceLength)
}
