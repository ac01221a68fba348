/**
 * Keeps the definition of every tool as a key first offered it. A tool server may show a harmless description until it is
 * trusted, and another one afterwards ("rug pull"); the gateway sees both, where the agent offers its tools.
 */
import { LRUCache } from 'lru-cache'
import { describeError } from '../../core/refusal.ts'
import { whileLocked } from '../../files/lock.ts'
import { stateOf } from '../../files/state.ts'
import { watchFiles } from '../../files/watch.ts'
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
export function openToolPins({ file, nowMs, everyMs, report }: ToolPinsOptions): ToolPins {
  let pins = byKey(readPins(file))
  let seen = stateOf(file)
  let fresh = new Map<string, ToolPin>()
  let failing = false
  let writing = Promise.resolve()
  const listeners: (() => void)[] = []

  const attempt = async (problem: string, work: () => unknown) => {
    try {
      await work()
      failing = false
    } catch (error) {
      if (!failing) report(problem, describeError(error))
      failing = true
    }
  }
  const write = () =>
    attempt('pinned tool definitions are not written', async () => {
      if (fresh.size === 0) return
      await whileLocked(file, () => {
        const all = merged(readPins(file), fresh)
        writePins(file, all)
        pins = byKey(all)
        fresh = new Map()
        seen = stateOf(file)
      })
    })
  const flush = () => {
    writing = writing.then(write)
    return writing
  }
  const reread = () =>
    attempt('pinned tool definitions cannot be read; what was read before stays in force', () => {
      if (stateOf(file) === seen) return
      pins = byKey(merged(readPins(file), fresh))
      seen = stateOf(file)
      for (const listener of listeners) listener()
    })
  const timer = setInterval(() => void flush(), everyMs)
  timer.unref()
  const watch = watchFiles([file], () => void reread(), everyMs)

  return {
    changed(key, digests) {
      const known = pins.get(key) ?? ofOneKey()
      pins.set(key, known)
      const since = new Date(nowMs()).toISOString()
      return [...digests].flatMap(([tool, sha256]) => {
        const pin = known.get(tool)
        const next = withOffer(pin, { key, tool, sha256, since })
        if (next !== pin) {
          known.set(tool, next)
          if (fresh.size < maxFresh) fresh.set(placeOf(next), next)
        }
        return next.sha256 === sha256 ? [] : [tool]
      })
    },
    accepted: () => pinsIn(pins).filter((pin) => pin.accepted !== undefined),
    watch: (onChange) => void listeners.push(onChange),
    async close() {
      watch.close()
      clearInterval(timer)
      await flush()
    },
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
