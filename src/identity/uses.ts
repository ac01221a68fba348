/**
 * When each key was last used and how often, in a file beside the key file. Counted in memory and written every few
 * seconds, off the way of any request: a process that is killed loses the last of them, and a file that cannot be
 * written costs nobody an answer. Gateways that share the file add theirs to it.
 */
import { existsSync, readFileSync } from 'node:fs'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { replaceFile } from '../files/atomic.ts'
import { unlessLocked } from '../files/lock.ts'

const useSchema = Type.Object(
  {
    /** Epoch milliseconds. */
    last: Type.Integer({ minimum: 0 }),
    count: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
)
export type Use = Static<typeof useSchema>
const fileSchema = Type.Record(Type.String(), useSchema)

/** By the id of an identity. */
export type Uses = ReadonlyMap<string, Use>

export function usesFile(keysFile: string): string {
  return `${keysFile}.uses.json`
}

/** @returns none if there is no such file, or it cannot be read: nothing depends on it */
export function readUses(file: string): Uses {
  if (!existsSync(file)) return new Map()
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Value.Check(fileSchema, value) ? new Map(Object.entries(value)) : new Map()
  } catch {
    return new Map()
  }
}

export interface UseCounter {
  /** One more request of this identity. */
  note(id: string, nowMs: number): void
  /** Writes what was counted since the last time. */
  flush(): void
  close(): void
}

const everyMs = 5000
/** Of identities in the file: those that were used last stay. */
const most = 20_000

/** @param report a file that cannot be written, once until it can */
export function createUseCounter(file: () => string, report: (error: unknown) => void): UseCounter {
  let fresh = new Map<string, Use>()
  let failing = false
  const flush = () => {
    if (fresh.size === 0) return
    try {
      unlessLocked(file(), () => {
        replaceFile(file(), `${JSON.stringify(Object.fromEntries(added(readUses(file()), fresh)))}\n`)
        fresh = new Map()
      })
      failing = false
    } catch (error) {
      if (!failing) report(error)
      failing = true
    }
  }
  const timer = setInterval(flush, everyMs)
  timer.unref()
  return {
    note(id, nowMs) {
      if (fresh.size >= most && !fresh.has(id)) return
      fresh.set(id, { last: nowMs, count: (fresh.get(id)?.count ?? 0) + 1 })
    },
    flush,
    close() {
      clearInterval(timer)
      flush()
    },
  }
}

function added(before: Uses, fresh: Uses): Uses {
  const all = new Map(before)
  for (const [id, { last, count }] of fresh) {
    const known = all.get(id)
    all.delete(id)
    all.set(id, { last: Math.max(last, known?.last ?? 0), count: count + (known?.count ?? 0) })
  }
  return new Map([...all].slice(-most))
}
