/** Which segments hold what was written since some time, without reading the ones before. */
import { firstRecord, type Segment } from '../write/segments.ts'

/**
 * Picks the segments that may hold records since a time.
 * @returns the segments from the last one on that begins before that time; all of them if none does
 */
export async function beginningAt(segments: readonly Segment[], sinceMs: number): Promise<Segment[]> {
  for (let index = segments.length - 1; index > 0; index--) {
    const segment = segments[index]
    const opening = segment && (await firstRecord(segment).catch(() => undefined))
    const time = opening && 'time' in opening ? Date.parse(opening.time ?? '') : Number.NaN
    if (time < sinceMs) return segments.slice(index)
  }
  return [...segments]
}
