/**
 * Questions between two processes of one gateway, both ways. All that one turn of the event loop asks and answers travels
 * in one message, because a message costs the same whatever it holds.
 */
import { Refusal, type RefusalCode } from '../core/refusal.ts'

/** One end of the channel that Node opens between a process and one that it has forked. What is sent must be JSON. */
export interface Port {
  send(message: unknown): void
  /** Called with each message of the other process. */
  onMessage(listener: (message: unknown) => void): void
}

/** Handlers of questions, by name. `Channel.ask` rejects with what its handler throws. */
export type Handlers = Readonly<Record<string, (...values: never[]) => unknown>>

/** Asks the other process, and answers it. */
export interface Channel {
  /**
   * Asks, and resolves with the answer.
   * @param withinMs how long to wait for the answer, give or take a tenth of a second; absent: without a limit
   * @throws Refusal or Error with the message of what the handler threw; NoAnswer
   */
  ask<T>(name: string, values: readonly unknown[], withinMs?: number): Promise<T>
  /** Tells something that has no answer. */
  tell(name: string, values: readonly unknown[]): void
  /** Adds handlers. */
  answer(handlers: Handlers): void
  /** Rejects all open questions and every later one. */
  close(): void
}

/** The other process has not answered in time, or is gone. */
export class NoAnswer extends Error {
  constructor(name: string) {
    super(`the other process of this gateway does not answer: ${name}`)
    this.name = 'NoAnswer'
  }
}

/**
 * How long to wait for an answer that takes no work: the other process is on the same machine, which may be busy. If that
 * process ends, its questions are rejected at once.
 */
export const answerTimeoutMs = 10_000

const sweepEveryMs = 100

/** A question. `id` is 0 if it has no answer. */
type Question = readonly [id: number, name: string, values: readonly unknown[]]
/** The answer to the question `id`, or what its handler threw. */
type Answer = readonly [id: number, value: unknown, thrown?: Thrown]

interface Thrown {
  readonly message: string
  /** Of a refusal. */
  readonly code?: RefusalCode
  readonly say?: string
  readonly retryAfterSeconds?: number
}

interface Batch {
  readonly asked: readonly Question[]
  readonly answered: readonly Answer[]
}

interface Waiting {
  readonly name: string
  readonly untilMs: number
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Opens a channel over a port; ignores messages of another form. */
export function openChannel(port: Port, handlers: Handlers): Channel {
  return new PortChannel(port, handlers)
}

class PortChannel implements Channel {
  readonly #port: Port
  readonly #handlers = new Map<string, Handlers[string]>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #sweeping: NodeJS.Timeout
  #asked: Question[] = []
  #answered: Answer[] = []
  #turn: NodeJS.Immediate | undefined
  #lastId = 0
  #closed = false

  constructor(port: Port, handlers: Handlers) {
    this.#port = port
    this.answer(handlers)
    this.#sweeping = setInterval(() => this.#sweep(), sweepEveryMs)
    this.#sweeping.unref()
    port.onMessage((message) => {
      if (isBatch(message) && !this.#closed) this.#receive(message)
    })
  }

  ask<T>(name: string, values: readonly unknown[], withinMs = Number.POSITIVE_INFINITY): Promise<T> {
    if (this.#closed) return Promise.reject(new NoAnswer(name))
    const id = ++this.#lastId
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, {
        name,
        untilMs: performance.now() + withinMs,
        // Both ends are the same program: the name determines the type of the answer.
        resolve: resolve as (value: unknown) => void,
        reject,
      })
      this.#put(this.#asked, [id, name, values])
    })
  }

  tell(name: string, values: readonly unknown[]): void {
    if (!this.#closed) this.#put(this.#asked, [0, name, values])
  }

  answer(handlers: Handlers): void {
    for (const [name, handler] of Object.entries(handlers)) this.#handlers.set(name, handler)
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#sweeping)
    clearImmediate(this.#turn)
    for (const { name, reject } of this.#waiting.values()) reject(new NoAnswer(name))
    this.#waiting.clear()
  }

  #put<T>(batch: T[], item: T): void {
    batch.push(item)
    this.#turn ??= setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#turn = undefined
    const batch: Batch = { asked: this.#asked, answered: this.#answered }
    this.#asked = []
    this.#answered = []
    this.#port.send(batch)
  }

  #receive({ asked, answered }: Batch): void {
    for (const [id, value, thrown] of answered) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (thrown) waiting?.reject(errorOf(thrown))
      else waiting?.resolve(value)
    }
    for (const question of asked) void this.#reply(question)
  }

  async #reply([id, name, values]: Question): Promise<void> {
    try {
      const handler = this.#handlers.get(name)
      if (!handler) throw new Error(`nothing answers ${name}`)
      const value = await handler(...(values as never[]))
      if (id !== 0 && !this.#closed) this.#put(this.#answered, [id, value])
    } catch (error) {
      if (id !== 0 && !this.#closed) this.#put(this.#answered, [id, null, thrownOf(error)])
    }
  }

  #sweep(): void {
    const now = performance.now()
    for (const [id, { name, untilMs, reject }] of this.#waiting) {
      if (now < untilMs) continue
      this.#waiting.delete(id)
      reject(new NoAnswer(name))
    }
  }
}

function isBatch(message: unknown): message is Batch {
  return typeof message === 'object' && message !== null && 'asked' in message && 'answered' in message
}

function thrownOf(error: unknown): Thrown {
  if (error instanceof Refusal) {
    const { message, code, say, retryAfterSeconds } = error
    return { message, code, say, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
  }
  return { message: error instanceof Error ? error.message : String(error) }
}

function errorOf({ message, code, say, retryAfterSeconds }: Thrown): Error {
  if (code === undefined) return new Error(message)
  return new Refusal(code, {
    detail: message,
    ...(say === undefined ? {} : { say }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}
