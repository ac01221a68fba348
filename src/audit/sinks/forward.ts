/**
 * Records for somebody else: read from the log itself, behind a cursor (`FILE.NAME.cursor`) that moves when they were
 * taken. So nothing is on the way of a request, nothing is held in memory while a receiver is away, and what it missed
 * is what the log still has. At least once: after a crash, or a connection that broke, the last records come again.
 *
 * Why not pino transports, which were there for it: they are worker threads with a queue in memory, which a kill empties
 * and a slow receiver fills.
 */
import { replaceUnsynced } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'
import type { SinkSettings } from '../../policy/policy.ts'
import { readLog, seqOf } from '../query/read.ts'
import { readEntry } from '../write/entry.ts'
import type { Message, Transport } from './message.ts'
import { printerOf } from './printer.ts'

export interface ForwardOptions {
  readonly file: string
  readonly settings: Pick<SinkSettings, 'name' | 'format' | 'content'>
  readonly transport: Transport
  /** Where a receiver that was never sent anything begins. */
  readonly startAfterSeq: number
  /** Where the chain ends. */
  head(): number
  /** How many records wait. */
  onMoved(waiting: number): void
  report(problem: string, error?: unknown): void
  /** Milliseconds between two looks at the log, and before the first new attempt. */
  readonly lookMs?: number
  readonly retryMs?: number
}

export interface Forwarder {
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>
}

const maxRecords = 500
const maxCharacters = 512 * 1024
const maxRetryMs = 30_000

export function startForwarder(options: ForwardOptions): Forwarder {
  const { file, settings, transport, head, onMoved, report, lookMs = 200, retryMs = 1000 } = options
  const path = `${file}.${settings.name}.cursor`
  const print = printerOf(settings)
  const rest = createRest()
  let cursor = readCursor(path) ?? options.startAfterSeq
  let batch: Message[] = []
  let characters = 0
  let last = cursor
  let away = false

  const deliver = async () => {
    if (batch.length === 0) return
    for (let pauseMs = retryMs; !rest.over; pauseMs = Math.min(pauseMs * 2, maxRetryMs)) {
      try {
        await transport.send(batch)
        break
      } catch (error) {
        // Cut off by closing: it is sent again by the next start.
        if (rest.over) return
        // Told once; how many wait is a metric.
        if (!away) report(`the receiver ${settings.name} does not accept audit records`, error)
        away = true
        onMoved(head() - cursor)
        await rest.take(pauseMs)
      }
    }
    if (rest.over) return
    if (away) report(`the receiver ${settings.name} accepts audit records again`)
    away = false
    batch = []
    characters = 0
    cursor = last
    onMoved(head() - cursor)
    await writeCursor(path, cursor)
  }

  const wait = async () => {
    await deliver()
    await rest.take(lookMs)
    return !rest.over
  }

  const run = async () => {
    // Or the next start, with nothing to go by, would begin behind all that this one could not deliver.
    await writeCursor(path, cursor)
    for await (const line of readLog(file, { afterSeq: cursor, wait })) {
      const entry = readEntry(line)
      last = seqOf(line)
      if (!entry) continue
      const message = print(line, entry)
      batch.push(message)
      characters += message.text.length
      if (batch.length >= maxRecords || characters >= maxCharacters) await deliver()
      if (rest.over) return
    }
  }
  const again = async (): Promise<void> => {
    try {
      await run()
    } catch (error) {
      report(`cannot read the audit log, or the cursor, of receiver ${settings.name}`, error)
      batch = []
      characters = 0
      await rest.take(maxRetryMs)
      if (!rest.over) return again()
    }
  }
  const running = again()
  return {
    async close() {
      rest.end()
      transport.close()
      await running
    },
  }
}

/** Pauses that can be cut short. */
function createRest() {
  let over = false
  let wake = () => {}
  return {
    get over() {
      return over
    },
    take: (ms: number) =>
      new Promise<void>((resolve) => {
        if (over) return resolve()
        const timer = setTimeout(resolve, ms)
        timer.unref()
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      }),
    end() {
      over = true
      wake()
    },
  }
}

function readCursor(path: string): number | undefined {
  try {
    return readJsonFile(path, 'a cursor', (value) =>
      typeof value === 'object' && value !== null && 'seq' in value && typeof value.seq === 'number'
        ? value.seq
        : undefined,
    )
  } catch {
    return undefined
  }
}

/** Not synced: an older cursor only sends again. */
function writeCursor(path: string, seq: number): Promise<void> {
  return replaceUnsynced(path, `${JSON.stringify({ seq })}\n`)
}
