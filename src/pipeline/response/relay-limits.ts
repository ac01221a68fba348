/** What a relay holds at most, and how what it holds is counted. */

import type { Frame } from '../../dialects/framing/framing.ts'
import type { RelayOptions } from './relay-types.ts'

/** Code units of one response that wait for its calls to be charged. */
export const maxHeld = 4 * 1024 * 1024
/** Code units from which on the texts of a frame are read ahead. */
const longFrame = 32 * 1024
/** Bytes behind a call that is judged; a server that has more to say is held up, and keeps its slot. */
export const maxBehind = 256 * 1024
/** A byte of a frame that is not finished will be text, what was read of it, that without what is cut, and what is sent. */
export const unfinishedWeight = 6
/** A byte that was read and waits is held as it came and as it would leave. */
export const waitingWeight = 2

/** Tells whether a frame is scanned in slices before its turn: it is long, and holds text. */
export function readsAhead(
  frame: Frame,
  { filter, reader }: Pick<RelayOptions, 'filter' | 'reader'>,
): boolean {
  return frame.data.length >= longFrame && filter.readAhead !== undefined && !reader.isSound?.(frame)
}
