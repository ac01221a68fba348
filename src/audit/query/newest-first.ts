/**
 * Searches a log from its end, over all its chains and segments, so that the newest records are found without reading the
 * rest. Plain segments are read backwards; a compressed one can only be read whole, and of it the newest matches are kept.
 * A search ends when it has found enough or its time is over, and says where to go on. Judges nothing, as `read.ts`.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { errorCode } from '../../core/error-code.ts'
import { linesOf } from '../../files/lines.ts'
import { chainName, chainsOf } from '../chains.ts'
import { type Entry, readEntry } from '../write/entry.ts'
import { bytesOf, closedSegments, type Segment } from '../write/segments.ts'

/** How far each chain was searched: everything from this number on; chains that are not named are searched from their ends. */
export type SearchedDownTo = ReadonlyMap<string, number>

/** What is searched for. */
export interface Search {
  fits(entry: Entry): boolean
  readonly from: SearchedDownTo
  /** Epoch milliseconds. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Only this chain, and nothing before this record of it. */
  readonly only?: { readonly chain: string; readonly seq: number } | undefined
  /** How many are enough. */
  readonly limit: number
  /** Whether to stop: the time is over, or nobody waits any more. Asked again and again. */
  isOver(): boolean
}

/** What a search has found, the newest first. */
export interface Found {
  readonly entries: readonly { readonly entry: Entry; readonly chain: string; readonly line: string }[]
  /** Where to go on; undefined: everything was searched. */
  readonly next: SearchedDownTo | undefined
  /** The time of what was looked at last, RFC 3339; null: nothing was. */
  readonly searchedTo: string | null
}

/** What was looked at; without an entry if it does not match, or stands for a whole segment. */
interface Looked {
  readonly seq: number
  readonly time: string
  readonly match?: { readonly entry: Entry; readonly line: string }
}

const piece = 256 * 1024
const newline = 0x0a
const maxLineBytes = 64 * 1024 * 1024
/** Records are in the order of their times but for clocks that were set back a little. */
const slackMs = 60_000
/** Characters in which a line says its number and its time. */
const maxOpening = 128
const opening = /^\{"seq":(\d{1,15}),"time":"([^"\\]{1,40})"/

/** Searches all chains of a log. @throws what `fs` throws */
export async function searchNewestFirst(file: string, search: Search): Promise<Found> {
  const { from, limit, only, isOver } = search
  const chains = chainsOf(file).map((path) => ({ path, name: chainName(file, path) }))
  const sources = chains
    .filter(({ name }) => only === undefined || name === only.chain)
    .map(
      ({ path, name }) =>
        new Source(name, lookBackwards(path, from.get(name) ?? Number.POSITIVE_INFINITY, search)),
    )
  const entries: { entry: Entry; chain: string; line: string }[] = []
  let searchedTo: string | null = null
  try {
    for (;;) {
      for (const source of sources) await source.fill()
      const newest = sources
        .filter(({ head }) => head !== undefined)
        .reduce<Source | undefined>((best, each) => (best && best.time >= each.time ? best : each), undefined)
      if (!newest) return { entries, next: undefined, searchedTo }
      const { time, match } = newest.take()
      searchedTo = time
      if (match) entries.push({ ...match, chain: newest.chain })
      if (entries.length >= limit || isOver()) break
    }
  } finally {
    for (const source of sources) await source.close()
  }
  const reached = sources.flatMap(({ chain, reached: seq }) =>
    seq === undefined ? [] : [[chain, seq] as const],
  )
  return { entries, next: new Map([...from, ...reached]), searchedTo }
}

/** One chain, with what is looked at next. */
class Source {
  readonly chain: string
  head: Looked | undefined
  /** The last record that was taken. */
  reached: number | undefined
  readonly #looked: AsyncGenerator<Looked>
  #over = false

  constructor(chain: string, looked: AsyncGenerator<Looked>) {
    this.chain = chain
    this.#looked = looked
  }

  get time(): string {
    return this.head?.time ?? ''
  }

  async fill(): Promise<void> {
    if (this.head !== undefined || this.#over) return
    const { done, value } = await this.#looked.next()
    if (done) this.#over = true
    else this.head = value
    // A chain that is over must not begin anew with the next page.
    if (done) this.reached = 0
  }

  take(): Looked {
    const { head } = this
    if (!head) throw new Error('nothing to take')
    this.head = undefined
    this.reached = head.seq
    return head
  }

  async close(): Promise<void> {
    await this.#looked.return(undefined)
  }
}

/** Looks at the records of a chain before `before`, the newest first. */
async function* lookBackwards(file: string, before: number, search: Search): AsyncGenerator<Looked> {
  const { sinceMs = Number.NEGATIVE_INFINITY, only } = search
  if (before === 0) return
  let last = before
  const isBefore = (looked: Looked) => looked.seq < last
  const isEnough = ({ seq, time }: Looked) => Date.parse(time) < sinceMs - slackMs || seq < (only?.seq ?? 0)
  const active = await open(file, 'r').catch(ifGone)
  try {
    // Listed after opening: one that is closed meanwhile is read under its old name, and not again.
    const closed = closedSegments(file).toReversed()
    const parts = [
      ...(active ? [lookAtPlain(active, before, search)] : []),
      ...closed.map((segment) => () => lookAtClosed(segment, last, search)),
    ]
    for (const part of parts)
      for await (const looked of typeof part === 'function' ? part() : part) {
        if (!isBefore(looked)) continue
        last = looked.seq
        if (isEnough(looked)) return
        yield looked
      }
  } finally {
    await active?.close()
  }
}

async function* lookAtClosed(segment: Segment, before: number, search: Search): AsyncGenerator<Looked> {
  const { first = 0, compressed, path } = segment
  if (first >= before) return
  const start = await firstOf(segment)
  const { untilMs } = search
  // All of it was written later.
  if (start && untilMs !== undefined && Date.parse(start.time) >= untilMs) return void (yield start)
  const handle = compressed ? undefined : await open(path, 'r').catch(ifGone)
  if (!handle) return yield* lookAtCompressed(segment, before, search, start)
  try {
    yield* lookAtPlain(handle, before, search)
  } finally {
    await handle.close()
  }
}

/** Keeps as many of the newest matches as can be asked for; then stands at the first record. */
async function* lookAtCompressed(
  segment: Segment,
  before: number,
  search: Search,
  start: Looked | undefined,
): AsyncGenerator<Looked> {
  let kept: Looked[] = []
  for await (const line of linesUnlessGone(segment)) {
    const looked = lookedAt(line, search)
    if (!looked?.match || looked.seq >= before) continue
    kept.push(looked)
    if (kept.length >= 2 * search.limit) kept = kept.slice(-search.limit)
  }
  yield* kept.toReversed()
  if (start) yield start
}

async function* linesUnlessGone(segment: Segment): AsyncGenerator<string> {
  try {
    yield* linesOf(bytesOf(segment))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

async function firstOf(segment: Segment): Promise<Looked | undefined> {
  for await (const line of linesUnlessGone(segment)) return placeIn(line)
  return undefined
}

async function* lookAtPlain(handle: FileHandle, before: number, search: Search): AsyncGenerator<Looked> {
  for await (const line of linesBackwards(handle, await endOf(handle, before, search))) {
    const looked = lookedAt(line, search)
    if (looked) yield looked
  }
}

/**
 * Finds a place behind which everything is later than what is searched for, so that a search that goes on does not begin
 * at the end once more: by halves, as numbers and times rise.
 */
async function endOf(handle: FileHandle, before: number, { untilMs = Number.POSITIVE_INFINITY }: Search) {
  let [low, high] = [0, (await handle.stat()).size]
  while (high - low > 2 * piece) {
    const middle = Math.floor((low + high) / 2)
    const { buffer } = await handle.read(Buffer.alloc(piece), 0, piece, middle)
    const start = buffer.indexOf(newline) + 1
    const place = start === 0 ? undefined : placeIn(buffer.toString('latin1', start, start + maxOpening))
    // A line as long as that is not worth a second look.
    if (!place || middle + start >= high) break
    if (place.seq >= before || Date.parse(place.time) >= untilMs + slackMs) high = middle + start
    else low = middle + start
  }
  return high
}

/** @returns undefined if the line is no record */
function lookedAt(line: string, { fits, untilMs = Number.POSITIVE_INFINITY }: Search): Looked | undefined {
  const place = placeIn(line)
  if (!place || !(Date.parse(place.time) < untilMs)) return place
  const entry = readEntry(line)
  return entry && fits(entry) ? { ...place, match: { entry, line } } : place
}

function placeIn(line: string): Looked | undefined {
  const [, seq, time] = opening.exec(line) ?? []
  return seq === undefined || time === undefined ? undefined : { seq: Number(seq), time }
}

/** Reads the whole lines before a place in a file, the last first. @throws RangeError for a line without end */
async function* linesBackwards(handle: FileHandle, end: number): AsyncGenerator<string> {
  let at = end
  let rest = Buffer.alloc(0)
  // What stands behind the last newline is still being written, or was torn by a crash.
  let isTorn = true
  while (at > 0) {
    const block = Buffer.alloc(Math.min(Math.max(piece, rest.length), at))
    at -= block.length
    await handle.read(block, 0, block.length, at)
    rest = rest.length === 0 ? block : Buffer.concat([block, rest])
    if (rest.length > maxLineBytes) throw new RangeError('a line is too long')
    if (isTorn) {
      const last = rest.lastIndexOf(newline)
      if (last === -1) continue
      rest = rest.subarray(0, last)
      isTorn = false
    }
    for (let cut = rest.lastIndexOf(newline); cut !== -1; cut = rest.lastIndexOf(newline)) {
      yield rest.toString('utf8', cut + 1)
      rest = rest.subarray(0, cut)
    }
  }
  if (!isTorn && rest.length > 0) yield rest.toString('utf8')
}

function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
