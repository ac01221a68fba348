/**
 * The open live views: each is a response that lasts (server-sent events). They are bounded in number and in what they are
 * sent; a view whose reader is slow is cut, so that nothing piles up, and each ends with its session.
 */
import type { ServerResponse } from 'node:http'
import type { LiveSource } from './feed.ts'
import { maxRecent } from './feed.ts'
import type { LiveRow } from './row.ts'

/** How many views there may be, and what each is sent. */
export interface ViewBounds {
  readonly all: number
  /** Of one session, or of the holders of the admin token together. */
  readonly each: number
  /** Of one network: half of the connections that it may have, so that it can still do something. */
  readonly network: number
  readonly rowsPerSecond: number
  /** Bytes that may wait for a slow reader. */
  readonly waitingBytes: number
  readonly tickMs: number
  readonly ticksPerSign: number
}

/** The bounds of a gateway. */
export const viewBounds: ViewBounds = {
  all: 64,
  each: 8,
  network: 32,
  rowsPerSecond: 50,
  waitingBytes: 512 * 1024,
  tickMs: 1000,
  ticksPerSign: 15,
}

/** Who opens a view, and what it shows. */
export interface ViewRequest {
  /** The same for all views that are counted together. */
  readonly owner: string
  readonly network: string
  fits(row: LiveRow): boolean
  /** Has the view end when this calls back. @returns what removes that */
  onEnd(listener: () => void): () => void
}

interface View extends ViewRequest {
  readonly out: ServerResponse
  /** Lines that came before the view has its first ones; undefined: it has. */
  early: LiveRow[] | undefined
  sent: number
  dropped: number
}

/** All live views of a process. */
export class LiveViews {
  readonly #source: LiveSource
  readonly #nowMs: () => number
  readonly #bounds: ViewBounds
  readonly #views = new Map<View, () => void>()
  #stopWatching: (() => void) | undefined
  #ticking: NodeJS.Timeout | undefined
  #ticks = 0
  #closed = false

  /** @param nowMs epoch milliseconds */
  constructor(source: LiveSource, nowMs: () => number, bounds: ViewBounds = viewBounds) {
    this.#source = source
    this.#nowMs = nowMs
    this.#bounds = bounds
  }

  get size(): number {
    return this.#views.size
  }

  /** Tells why no further view can be opened; undefined: one can. */
  fullFor({ owner, network }: Pick<ViewRequest, 'owner' | 'network'>): 'all' | 'own' | undefined {
    const { all, each, network: ofNetwork } = this.#bounds
    const views = [...this.#views.keys()]
    if (this.#closed || views.length >= all) return 'all'
    if (views.filter((view) => view.owner === owner).length >= each) return 'own'
    return views.filter((view) => view.network === network).length >= ofNetwork ? 'own' : undefined
  }

  /** Opens a view, whose header was sent. */
  async open(request: ViewRequest, out: ServerResponse): Promise<void> {
    const view: View = { ...request, out, early: [], sent: 0, dropped: 0 }
    const end = () => this.#end(view)
    const forget = request.onEnd(end)
    out.once('close', end)
    out.once('error', end)
    this.#views.set(view, forget)
    this.#stopWatching ??= this.#source.watch({
      onRow: (row) => this.#tell(row),
      onDropped: (count) => {
        for (const each of this.#views.keys()) each.dropped += count
      },
    })
    this.#ticking ??= setInterval(() => this.#tick(), this.#bounds.tickMs).unref()
    const recent = (await this.#source.recent()).filter((row) => view.fits(row))
    const known = new Set(recent.map(({ id }) => id))
    const early = (view.early ?? []).filter(({ id }) => !known.has(id))
    view.early = undefined
    const rows = [...recent, ...early].slice(-maxRecent)
    this.#write(view, event('hello', { now: new Date(this.#nowMs()).toISOString(), recent: rows }))
  }

  /** Ends all views. */
  close(): void {
    this.#closed = true
    for (const view of [...this.#views.keys()]) this.#end(view)
  }

  #tell(row: LiveRow): void {
    let text: string | undefined
    for (const view of this.#views.keys()) {
      if (!view.fits(row)) continue
      if (view.early) {
        if (view.early.length < maxRecent) view.early.push(row)
      } else if (view.sent < this.#bounds.rowsPerSecond) {
        view.sent++
        text ??= event('request', row)
        this.#write(view, text)
      } else view.dropped++
    }
  }

  #tick(): void {
    const isSign = ++this.#ticks % this.#bounds.ticksPerSign === 0
    for (const view of this.#views.keys()) {
      view.sent = 0
      if (view.dropped > 0) this.#write(view, event('dropped', { count: view.dropped }))
      else if (isSign) this.#write(view, ': \n\n')
      view.dropped = 0
    }
  }

  #write(view: View, text: string): void {
    const { out } = view
    if (!this.#views.has(view)) return
    out.write(text)
    if (out.writableLength <= this.#bounds.waitingBytes) return
    out.destroy()
    this.#end(view)
  }

  #end(view: View): void {
    const forget = this.#views.get(view)
    if (!forget) return
    this.#views.delete(view)
    forget()
    view.out.end()
    if (this.#views.size > 0) return
    clearInterval(this.#ticking)
    this.#ticking = undefined
    this.#stopWatching?.()
    this.#stopWatching = undefined
  }
}

/** Writes an event as the HTML standard has it (9.2.6); JSON has no line breaks. */
function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
