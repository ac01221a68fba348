/**
 * Keeps the definition of every tool as a key first offered it. A tool server may show a harmless description until it is
 * trusted, and another one afterwards ("rug pull"); the gateway sees both, where the agent offers its tools.
 */
import { LRUCache } from 'lru-cache'
import { describeError } from '../../core/refusal.ts'
import { whileLocked } from '../../files/lock.ts'
import { stateOf } from '../../files/state.ts'
import { type Watch, watchFiles } from '../../files/watch.ts'
import { maxKeys, maxTools, readPins, type ToolPin, writePins } from './pin-file.ts'

/** Pinned tool definitions. */
export interface ToolPins {
  /**
   * Pins what is new.
   * @param key id of the caller @param digests of the offered definitions, by tool (`digests.ts`)
   * @returns the tools whose definition is not the pinned one
   */
  changed(key: string, digests: ReadonlyMap<string, string>): readonly string[]
  /** The pins whose changes were accepted. */
  accepted(): readonly ToolPin[]
  /** Calls back after the file was changed by another process. */
  watch(onChange: () => void): void
  /** Writes what is new. */
  close(): Promise<void>
}

/** Where pins are kept. */
export interface ToolPinsOptions {
  readonly file: string
  nowMs(): number
  /** Between two writes of what is new, and two looks at the file. */
  readonly everyMs: number
  /** The file cannot be read or written; said once, until it can. */
  report(problem: string, cause: string): void
}

/** @throws TypeError if the file is not what it should be, and what `fs` throws */
export function openToolPins(options: ToolPinsOptions): ToolPins {
  return new KeptToolPins(options)
}

class KeptToolPins implements ToolPins {
  readonly #options: ToolPinsOptions
  #pins: PinsByKey
  /** Which version of the file was read or written last. */
  #seen: string
  /** What is still to be written. */
  #fresh = new Map<string, ToolPin>()
  #failing = false
  #writing = Promise.resolve()
  readonly #listeners: (() => void)[] = []
  readonly #timer: NodeJS.Timeout
  readonly #watch: Watch

  constructor(options: ToolPinsOptions) {
    const { file, everyMs } = options
    this.#options = options
    this.#seen = stateOf(file)
    this.#pins = byKey(readPins(file))
    this.#timer = setInterval(() => void this.#flush(), everyMs)
    this.#timer.unref()
    this.#watch = watchFiles([file], () => void this.#readAgain(), everyMs)
  }

  changed = (key: string, digests: ReadonlyMap<string, string>): readonly string[] => {
    const known = this.#pins.get(key) ?? ofOneKey()
    this.#pins.set(key, known)
    const since = new Date(this.#options.nowMs()).toISOString()
    const offers = [...digests].map(([tool, sha256]) => {
      const pin = known.get(tool)
      return { tool, sha256, pin, next: withOffer(pin, { key, tool, sha256, since }) }
    })
    if (offers.some(({ pin, next }) => next !== pin)) {
      // All are compared before one is added, and those that were known stand last: new ones push none of them out.
      for (const { pin, next } of offers) if (!pin) this.#keep(known, next)
      for (const { pin, next } of offers) if (pin) this.#keep(known, next)
    }
    return offers.flatMap(({ tool, sha256, next }) => (next.sha256 === sha256 ? [] : [tool]))
  }

  #keep(known: LRUCache<string, ToolPin>, pin: ToolPin): void {
    known.set(pin.tool, pin)
    // Taken out and put back, so that the latest stand last.
    this.#fresh.delete(placeOf(pin))
    if (this.#fresh.size < maxFresh) this.#fresh.set(placeOf(pin), pin)
  }

  accepted = (): readonly ToolPin[] => pinsIn(this.#pins).filter((pin) => pin.accepted !== undefined)

  watch(onChange: () => void): void {
    this.#listeners.push(onChange)
  }

  async close(): Promise<void> {
    this.#watch.close()
    clearInterval(this.#timer)
    await this.#flush()
  }

  #flush(): Promise<void> {
    this.#writing = this.#writing.then(() =>
      this.#attempt('pinned tool definitions are not written', () => this.#write()),
    )
    return this.#writing
  }

  async #write(): Promise<void> {
    if (this.#fresh.size === 0) return
    const { file } = this.#options
    await whileLocked(file, () => {
      const all = merged(readPins(file), this.#fresh)
      writePins(file, all)
      this.#pins = byKey(all)
      this.#fresh = new Map()
      this.#seen = stateOf(file)
    })
  }

  #readAgain(): Promise<void> {
    const { file } = this.#options
    return this.#attempt(
      'pinned tool definitions cannot be read; what was read before stays in force',
      () => {
        const state = stateOf(file)
        if (state === this.#seen) return
        this.#pins = byKey(merged(readPins(file), this.#fresh))
        // As it was before it was read: what changed meanwhile is looked at again.
        this.#seen = state
        for (const listener of this.#listeners) listener()
      },
    )
  }

  async #attempt(problem: string, work: () => unknown): Promise<void> {
    try {
      await work()
      this.#failing = false
    } catch (error) {
      if (!this.#failing) this.#options.report(problem, describeError(error))
      this.#failing = true
    }
  }
}

type PinsByKey = LRUCache<string, LRUCache<string, ToolPin>>

/** What waits to be written; beyond it, a pin is kept in memory alone. */
const maxFresh = 4096

const placeOf = ({ key, tool }: ToolPin) => `${key}\n${tool}`

const ofOneKey = () => new LRUCache<string, ToolPin>({ max: maxTools })

function byKey(pins: readonly ToolPin[]): PinsByKey {
  const keys: PinsByKey = new LRUCache({ max: maxKeys })
  for (const pin of pins) {
    const known = keys.get(pin.key) ?? ofOneKey()
    known.set(pin.tool, pin)
    keys.set(pin.key, known)
  }
  return keys
}

/** @returns the same pin, unless the offer is new to it */
function withOffer(pin: ToolPin | undefined, offer: ToolPin): ToolPin {
  const { sha256, since } = offer
  if (!pin) return offer
  return pin.sha256 === sha256 || pin.changed?.sha256 === sha256
    ? pin
    : { ...pin, changed: { sha256, since } }
}

/** The least recently offered first. */
function pinsIn(keys: PinsByKey): readonly ToolPin[] {
  return [...keys.rvalues()].flatMap((known) =>
    [...(known?.rvalues() ?? [])].filter((pin) => pin !== undefined),
  )
}

/**
 * Adds what this process has seen to what the file says, which others write too. Of two who pin a tool at once the first
 * to write is right.
 */
function merged(file: readonly ToolPin[], fresh: ReadonlyMap<string, ToolPin>): readonly ToolPin[] {
  const all = new Map(file.map((pin) => [placeOf(pin), pin]))
  for (const [at, { sha256, since, changed, ...pin }] of fresh) {
    const known = all.get(at)
    const other = changed ?? { sha256, since }
    // Taken out and put back, so that the latest stand last.
    all.delete(at)
    if (!known) all.set(at, { ...pin, sha256, since, ...(changed ? { changed } : {}) })
    else all.set(at, known.sha256 === other.sha256 ? known : { ...known, changed: other })
  }
  return pinsIn(byKey([...all.values()]))
}
