/**
 * Where live views get their lines from. Each process that serves requests remembers the newest records; lines are made of
 * them only for those who look. With several workers the primary asks all for what they remember, and while somebody
 * looks they send it their lines in batches.
 */
import type { RequestRecord } from '../../../../audit/write/record.ts'
import { type LiveRow, rowOf } from './row.ts'

/** How many requests a view shows that came before it was opened. */
export const maxRecent = 200

/** Is told of lines. */
export interface LiveWatcher {
  onRow(row: LiveRow): void
  /** So many requests were not looked at, because there were too many. */
  onDropped(count: number): void
}

/** Where lines come from. */
export interface LiveSource {
  /** Returns the newest lines, the oldest first. Never rejects. */
  recent(): Promise<readonly LiveRow[]>
  /** @returns what ends it */
  watch(watcher: LiveWatcher): () => void
}

/** The lines of this process. */
export class LocalFeed implements LiveSource {
  readonly #chain: string
  /** A ring: `#next` is the place of the oldest one. */
  readonly #records: RequestRecord[] = []
  #next = 0
  readonly #watchers = new Set<LiveWatcher>()

  /** @param chain of this process; empty for the log itself */
  constructor(chain: string) {
    this.#chain = chain
  }

  /** Takes a record that was written. Costs next to nothing while nobody watches. */
  note(record: RequestRecord): void {
    this.#records[this.#next] = record
    this.#next = (this.#next + 1) % maxRecent
    if (this.#watchers.size === 0) return
    const row = rowOf(record, this.#chain)
    for (const watcher of this.#watchers) watcher.onRow(row)
  }

  async recent(): Promise<readonly LiveRow[]> {
    const ordered = [...this.#records.slice(this.#next), ...this.#records.slice(0, this.#next)]
    return ordered.map((record) => rowOf(record, this.#chain))
  }

  watch(watcher: LiveWatcher): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }
}

/** How a worker sends lines. */
export interface BatchOptions {
  send(rows: readonly LiveRow[], dropped: number): void
  /** Between two batches. */
  readonly everyMs: number
  /** Lines of one batch. */
  readonly max: number
  /** The primary asks again and again while somebody looks; without that it ends after so long. */
  readonly leaseMs: number
}

/** A thousand lines a second of one worker, which no view shows. */
const batches = { everyMs: 250, max: 250, leaseMs: 10_000 }
/** How often the primary asks for lines while somebody looks. */
const askMs = 3000

/** Sends the lines of a worker to its primary, as long as that asks for them. */
export class FeedSender {
  readonly #feed: LocalFeed
  readonly #options: BatchOptions
  #rows: LiveRow[] = []
  #dropped = 0
  #untilMs = 0
  #stop: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(feed: LocalFeed, options: Pick<BatchOptions, 'send'> & Partial<BatchOptions>) {
    this.#feed = feed
    this.#options = { ...batches, ...options }
  }

  /** Somebody looks: sends what comes from now on for a while. */
  go(): void {
    this.#untilMs = performance.now() + this.#options.leaseMs
    if (this.#stop) return
    this.#stop = this.#feed.watch({
      onRow: (row) => {
        if (this.#rows.length < this.#options.max) this.#rows.push(row)
        else this.#dropped++
      },
      onDropped() {},
    })
    this.#timer = setInterval(() => this.#flush(), this.#options.everyMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#stop?.()
    this.#stop = undefined
    this.#rows = []
  }

  #flush(): void {
    if (this.#rows.length > 0 || this.#dropped > 0) this.#options.send(this.#rows, this.#dropped)
    this.#rows = []
    this.#dropped = 0
    if (performance.now() > this.#untilMs) this.close()
  }
}

/** How the primary reaches its workers. */
export interface FeedOfWorkers {
  /** Returns what each remembers. Never rejects. */
  recent(): Promise<readonly (readonly LiveRow[])[]>
  /** Tells all that somebody looks. */
  ask(): void
}

/** The lines of all workers, in their primary. */
export class WorkersFeed implements LiveSource {
  readonly #workers: FeedOfWorkers
  readonly #watchers = new Set<LiveWatcher>()
  #asking: NodeJS.Timeout | undefined

  constructor(workers: FeedOfWorkers) {
    this.#workers = workers
  }

  /** Takes a batch of a worker. */
  take(rows: readonly LiveRow[], dropped: number): void {
    for (const watcher of this.#watchers) {
      for (const row of rows) watcher.onRow(row)
      if (dropped > 0) watcher.onDropped(dropped)
    }
  }

  async recent(): Promise<readonly LiveRow[]> {
    const rows = (await this.#workers.recent()).flat()
    return rows.toSorted((a, b) => (a.time < b.time ? -1 : 1)).slice(-maxRecent)
  }

  watch(watcher: LiveWatcher): () => void {
    this.#watchers.add(watcher)
    this.#workers.ask()
    this.#asking ??= setInterval(() => this.#workers.ask(), askMs).unref()
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size > 0) return
      clearInterval(this.#asking)
      this.#asking = undefined
    }
  }
}
