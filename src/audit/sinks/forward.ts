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
import type { SinkMessage, SinkTransport } from './message.ts'
import { printerOf } from './printer.ts'

/** What is sent, and where to. */
export interface ForwardOptions {
  readonly file: string
  readonly settings: Pick<SinkSettings, 'name' | 'format' | 'content'>
  readonly transport: SinkTransport
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

/** Sends the records of a log to one receiver. */
export interface RecordForwarder {
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>
}

const maxRecords = 500
const maxCharacters = 512 * 1024
const maxRetryMs = 30_000

/** Begins to send what a receiver does not have yet. */
export function startForwarder(options: ForwardOptions): RecordForwarder {
  const delivery = new Delivery(options)
  const running = delivery.run()
  return {
    async close() {
      delivery.stop()
      options.transport.close()
      await running
    },
  }
}

/** Reads the log behind the cursor, and sends it in batches. */
class Delivery {
  readonly #options: ForwardOptions
  readonly #path: string
  readonly #print: ReturnType<typeof printerOf>
  readonly #rest = createRest()
  /** Number of the last record that the receiver has, and of the last that was read. */
  #cursor: number
  #last: number
  #batch: SinkMessage[] = []
  #characters = 0
  #away = false

  constructor(options: ForwardOptions) {
    this.#options = options
    this.#path = `${options.file}.${options.settings.name}.cursor`
    this.#print = printerOf(options.settings)
    this.#cursor = readCursor(this.#path) ?? options.startAfterSeq
    this.#last = this.#cursor
  }

  stop(): void {
    this.#rest.end()
  }

  /** Resolves once it was stopped. Never rejects. */
  async run(): Promise<void> {
    while (!this.#rest.over) {
      try {
        await this.#follow()
      } catch (error) {
        this.#options.report(
          `cannot read the audit log, or the cursor, of receiver ${this.#options.settings.name}`,
          error,
        )
        this.#batch = []
        this.#characters = 0
        await this.#rest.take(maxRetryMs)
      }
    }
  }

  async #follow(): Promise<void> {
    // Or the next start, with nothing to go by, would begin behind all that this one could not deliver.
    await writeCursor(this.#path, this.#cursor)
    const lines = readLog(this.#options.file, { afterSeq: this.#cursor, wait: () => this.#wait() })
    for await (const line of lines) {
      const entry = readEntry(line)
      this.#last = seqOf(line)
      if (!entry) continue
      const message = this.#print(line, entry)
      this.#batch.push(message)
      this.#characters += message.text.length
      if (this.#batch.length >= maxRecords || this.#characters >= maxCharacters) await this.#deliver()
      if (this.#rest.over) return
    }
  }

  /** At the end of the log. @returns whether to look again */
  async #wait(): Promise<boolean> {
    await this.#deliver()
    await this.#rest.take(this.#options.lookMs ?? 200)
    return !this.#rest.over
  }

  async #deliver(): Promise<void> {
    const { head, onMoved, report } = this.#options
    if (this.#batch.length === 0) return
    await this.#send()
    if (this.#rest.over) return
    if (this.#away) report(`the receiver ${this.#options.settings.name} accepts audit records again`)
    this.#away = false
    this.#batch = []
    this.#characters = 0
    this.#cursor = this.#last
    onMoved(head() - this.#cursor)
    await writeCursor(this.#path, this.#cursor)
  }

  /** Tries until the receiver has taken the batch, or it is stopped. */
  async #send(): Promise<void> {
    const { transport, head, onMoved, report, retryMs = 1000 } = this.#options
    for (let pauseMs = retryMs; !this.#rest.over; pauseMs = Math.min(pauseMs * 2, maxRetryMs)) {
      try {
        await transport.send(this.#batch)
        return
      } catch (error) {
        // Cut off by closing: it is sent again by the next start.
        if (this.#rest.over) return
        // Told once; how many wait is a metric.
        if (!this.#away)
          report(`the receiver ${this.#options.settings.name} does not accept audit records`, error)
        this.#away = true
        onMoved(head() - this.#cursor)
        await this.#rest.take(pauseMs)
      }
    }
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
