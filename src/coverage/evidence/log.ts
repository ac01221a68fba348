/** The newest record of each kind in the audit log, found from its end. */
import { searchNewestFirst } from '../../audit/query/newest-first.ts'
import { type TraceId, traces } from './traces.ts'

/** A record that shows something at work. */
export interface Sighting {
  /** RFC 3339. */
  readonly time: string
  readonly seq: number
  /** Of a request. */
  readonly id?: string
}

/** What was found. */
export interface Sightings {
  readonly newest: ReadonlyMap<TraceId, Sighting>
  /** Whether the time was over before all of the log was searched. */
  readonly isCutOff: boolean
}

const ids = Object.keys(traces) as TraceId[]

/** Searches a log. @param maxMs how long it may take @throws what `fs` throws */
export async function searchLog(file: string, maxMs: number): Promise<Sightings> {
  const missing = new Set(ids)
  const newest = new Map<TraceId, Sighting>()
  const endMs = performance.now() + maxMs
  const isOver = () => missing.size === 0 || performance.now() >= endMs
  const { next } = await searchNewestFirst(file, {
    from: new Map(),
    // Nothing is kept: what fits is noted here, and the search goes on.
    limit: 1,
    isOver,
    fits(entry) {
      for (const id of missing) {
        if (!traces[id].shows(entry)) continue
        missing.delete(id)
        const { time, seq, id: request } = entry
        newest.set(id, { time, seq, ...(request === undefined ? {} : { id: request }) })
      }
      return false
    },
  })
  return { newest, isCutOff: next !== undefined && missing.size > 0 }
}
