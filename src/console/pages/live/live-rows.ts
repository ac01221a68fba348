/** The rows of the live view: the newest first, a bounded number of them, and those that are held back meanwhile. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { queryOf } from '../../api/client.ts'
import { openStream } from '../../api/events.ts'
import type { LiveRow } from '../../api/types.ts'
import type { Filters } from './filters.tsx'

/** More are dropped, the oldest first. */
export const maxRows = 10_000
/** Rows come together into the page so often, however many there are. */
const flushMs = 200

/** What the live view shows. */
export interface LiveRows {
  readonly rows: readonly LiveRow[]
  /** Rows that came while rows were held. */
  readonly waiting: number
  /** Requests that the server left out because there were too many. */
  readonly dropped: number
  readonly isOpen: boolean
  /** Shows what waits. */
  flush(): void
}

/** Puts new rows before old ones. @param fresh has the oldest first */
export function withNew(fresh: readonly LiveRow[], rows: readonly LiveRow[]): readonly LiveRow[] {
  return fresh.toReversed().concat(rows).slice(0, maxRows)
}

/** Follows requests. @param isHeld whether new rows wait */
export function useLiveRows(filters: Filters, isHeld: boolean): LiveRows {
  const [rows, setRows] = useState<readonly LiveRow[]>([])
  const [waiting, setWaiting] = useState(0)
  const [dropped, setDropped] = useState(0)
  const [isOpen, setOpen] = useState(true)
  const fresh = useRef<LiveRow[]>([])
  const held = useRef(isHeld)
  held.current = isHeld
  const flush = () => {
    const taken = fresh.current
    fresh.current = []
    setWaiting(0)
    if (taken.length > 0) setRows((before) => withNew(taken, before))
  }
  const url = `/admin/v1/live${queryOf(filters)}`
  useEffect(() => {
    fresh.current = []
    setRows([])
    setDropped(0)
    const take = (data: unknown) => {
      if (isRow(data)) fresh.current.push(data)
      if (fresh.current.length > maxRows) fresh.current.splice(0, fresh.current.length - maxRows)
    }
    const close = openStream(url, {
      isLasting: true,
      state: setOpen,
      events: {
        hello: (data) => setRows((before) => withRecent(recentIn(data), before)),
        request: take,
        dropped: (data) => setDropped((before) => before + countIn(data)),
      },
    })
    const timer = setInterval(() => (held.current ? setWaiting(fresh.current.length) : flush()), flushMs)
    return () => {
      close()
      clearInterval(timer)
    }
  }, [url])
  useEffect(() => {
    if (!isHeld) flush()
  }, [isHeld])
  return { rows, waiting, dropped, isOpen, flush }
}

/** After a lost stream the server tells again what is known already. */
function withRecent(recent: readonly LiveRow[], rows: readonly LiveRow[]): readonly LiveRow[] {
  const known = new Set(rows.map(({ id }) => id))
  const fresh = recent.filter(({ id }) => !known.has(id)).toSorted((a, b) => (a.time < b.time ? -1 : 1))
  return withNew(fresh, rows)
}

function recentIn(data: unknown): readonly LiveRow[] {
  const recent = isObject(data) ? data.recent : undefined
  return Array.isArray(recent) ? recent.filter(isRow) : []
}

function countIn(data: unknown): number {
  return isObject(data) && typeof data.count === 'number' ? data.count : 0
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isRow(value: unknown): value is LiveRow {
  return isObject(value) && typeof value.id === 'string' && Array.isArray(value.findings)
}
