/**
 * When each key was last used and how often, in a file beside the key file. Counted in memory and written every few
 * seconds, off the way of any request: a process that is killed loses the last of them, and a file that cannot be
 * written costs nobody an answer. Gateways that share the file add theirs to it.
 */
import { type FieldChecks, wrongField } from '../../core/fields.ts'
import { replaceUnsynced } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'
import { whileLocked } from '../../files/lock.ts'

/** How often a key was used, and when last. */
export interface KeyUse {
  /** Epoch milliseconds. */
  readonly last: number
  readonly count: number
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
const checks: FieldChecks<KeyUse> = { last: isCount, count: isCount }

/** By the id of an identity. */
export type Uses = ReadonlyMap<string, KeyUse>

/** Names the file of uses beside this key file. */
export function usesFile(keysFile: string): string {
  return `${keysFile}.uses.json`
}

/**
 * Reads the file of uses.
 * @returns none if there is no such file, or it cannot be read: nothing depends on it
 */
export function readUses(file: string): Uses {
  try {
    const uses = readJsonFile(file, 'uses of keys', (value) => (isUses(value) ? value : undefined))
    return new Map(Object.entries(uses ?? {}))
  } catch {
    return new Map()
  }
}

function isUses(value: unknown): value is Readonly<Record<string, KeyUse>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((use) => wrongField(use, checks) === undefined)
}

/** Counts the use of keys. */
export interface UseCounter {
  /** One more request of this identity. */
  note(id: string, nowMs: number): void
  /** Writes what was counted, and no more. */
  close(): Promise<void>
}

const everyMs = 5000
/** Of identities in the file: those that were used last stay. */
const max = 20_000

/** Begins to count. @param report a file that cannot be written, once until it can */
export function createUseCounter(file: () => string, report: (error: unknown) => void): UseCounter {
  let fresh = new Map<string, KeyUse>()
  let failing = false
  let writing = Promise.resolve()
  const write = async () => {
    if (fresh.size === 0) return
    const counted = fresh
    fresh = new Map()
    try {
      await whileLocked(file(), () => replaceUses(file(), added(readUses(file()), counted)))
      failing = false
    } catch (error) {
      fresh = new Map(added(counted, fresh))
      if (!failing) report(error)
      failing = true
    }
  }
  const flush = () => {
    writing = writing.then(write)
    return writing
  }
  const timer = setInterval(() => void flush(), everyMs)
  timer.unref()
  return {
    note(id, nowMs) {
      if (fresh.size >= max && !fresh.has(id)) return
      fresh.set(id, { last: nowMs, count: (fresh.get(id)?.count ?? 0) + 1 })
    },
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}

/** Not synced: losing it in a crash does no harm. */
function replaceUses(file: string, uses: Uses): Promise<void> {
  return replaceUnsynced(file, `${JSON.stringify(Object.fromEntries(uses))}\n`)
}

function added(before: Uses, fresh: Uses): Uses {
  const all = new Map(before)
  for (const [id, { last, count }] of fresh) {
    const known = all.get(id)
    all.delete(id)
    all.set(id, { last: Math.max(last, known?.last ?? 0), count: count + (known?.count ?? 0) })
  }
  return new Map([...all].slice(-max))
}
