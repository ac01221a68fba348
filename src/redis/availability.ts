/**
 * Whether Redis can be asked, and asking it within a time. There is one for all parts of a gateway.
 *
 * After a call that failed or took a whole timeout, requests do not ask any more: they are refused at once, and a small
 * write every 100 ms tries until Redis answers again. So no request waits for a server that hangs, nothing piles up in
 * the connection, and a server that is back does not meet all requests at the same time.
 */
import { concernsServer, RedisUnavailable } from './faults.ts'
import { NoAnswer, within } from './timeout.ts'

/** The time, in milliseconds, that all calls of one request share. Every call takes what it needed from it. */
export interface Budget {
  leftMs: number
}

/** Is told when Redis goes away and when it is back. */
export interface RedisObserver {
  /** Called for every failure. The errors hold no credential. */
  onAway?(error: unknown): void
  /** Called at the first answer after a failure, before anything else is asked. */
  onBack?(): void
}

/** An operation that changes nothing but needs everything that real ones need. */
export type Probe = () => Promise<unknown>

const probeEveryMs = 100
/** The first probes of a start only find that the connection is not made yet. */
const quietFailures = 10
/** The part of the timeout that a call must have waited for its silence to mean something: budgets are shared. */
const tellingPart = 0.8

/** Judges whether Redis can be asked, and asks it. */
export class Availability {
  readonly #timeoutMs: number
  readonly #probes: Probe[]
  readonly #observers: RedisObserver[] = []
  readonly #opened = new Set<() => void>()
  #up = false
  #closed = false
  #probing = false
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  /** Why Redis is away. */
  #reason: unknown = new Error('the connection is not made yet')

  /**
   * @param timeoutMs how long an answer to a request may take
   * @param probe runs every time before Redis counts as available
   */
  constructor(timeoutMs: number, probe: Probe) {
    this.#timeoutMs = timeoutMs
    this.#probes = [probe]
    this.retry()
  }

  get up(): boolean {
    return this.#up
  }

  observe(observer: RedisObserver): void {
    this.#observers.push(observer)
  }

  /** Adds what must have succeeded before anything is asked. Until it has, Redis counts as away. */
  prepare(probe: Probe): void {
    this.#probes.push(probe)
    if (!this.#up) return
    this.#up = false
    this.retry()
  }

  /** Takes note of an error of the connection, outside any call. */
  note(error: Error): void {
    if (!this.#up) this.#tellAway(error)
  }

  /** Probes now and not when it is due: there is a new connection. */
  retry(): void {
    if (this.#up || this.#probing || this.#closed) return
    clearTimeout(this.#timer)
    void this.#probe()
  }

  /**
   * Asks for a request, unless Redis is away. Every error of `run` but a late answer puts Redis away, so `run` must keep
   * to itself what is wrong with a single key.
   * @param undo called if the call may still be carried out although it was given up
   * @throws RedisUnavailable
   */
  async call<T>(run: () => Promise<T>, budget: Budget, undo?: () => void): Promise<T> {
    if (!this.#up) throw new RedisUnavailable(this.#reason)
    const startedAt = performance.now()
    try {
      return await within(run(), Math.max(1, budget.leftMs))
    } catch (cause) {
      undo?.()
      if (this.#isTelling(cause, startedAt)) this.#lose(cause)
      throw new RedisUnavailable(cause)
    } finally {
      budget.leftMs -= performance.now() - startedAt
    }
  }

  /**
   * Asks for a part that has `answerMs` to wait. Where that is more than a request has, Redis is asked although it is away:
   * a server that is too slow for requests can still say what is frozen.
   * @throws RedisUnavailable
   */
  async ask<T>(run: () => Promise<T>, answerMs: number): Promise<T> {
    if (!this.#up && answerMs <= this.#timeoutMs) throw new RedisUnavailable(this.#reason)
    const startedAt = performance.now()
    try {
      return await within(run(), answerMs)
    } catch (cause) {
      if (concernsServer(cause) && this.#isTelling(cause, startedAt)) this.#lose(cause)
      throw new RedisUnavailable(cause)
    }
  }

  /** Asks whether Redis answers right now, within the time of a request. */
  async check(): Promise<boolean> {
    if (!this.#up) return false
    return this.call(() => this.#runProbes(), { leftMs: this.#timeoutMs }).then(
      () => true,
      () => false,
    )
  }

  /** Resolves when Redis is available, or after `patienceMs`. */
  async opened(patienceMs: number): Promise<void> {
    if (this.#up || this.#closed) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#opened.delete(end)
        resolve()
      }
      const timer = setTimeout(end, patienceMs)
      this.#opened.add(end)
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    for (const end of this.#opened) end()
  }

  #isTelling(cause: unknown, startedAt: number): boolean {
    return !(cause instanceof NoAnswer) || performance.now() - startedAt >= this.#timeoutMs * tellingPart
  }

  #lose(error: unknown): void {
    if (!this.#up || this.#closed) return
    this.#up = false
    this.#tellAway(error)
    this.#probeLater()
  }

  #tellAway(error: unknown): void {
    this.#reason = error
    for (const { onAway } of this.#observers) onAway?.(error)
  }

  #probeLater(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.retry(), probeEveryMs)
  }

  async #probe(): Promise<void> {
    this.#probing = true
    const count = this.#probes.length
    const failure = await within(this.#runProbes(), this.#timeoutMs).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    this.#probing = false
    if (this.#closed) return
    if (failure) {
      if (++this.#failures > quietFailures) this.#tellAway(failure.error)
      return this.#probeLater()
    }
    // Something was added meanwhile.
    if (count !== this.#probes.length) return this.retry()
    this.#failures = 0
    this.#up = true
    for (const { onBack } of this.#observers) onBack?.()
    for (const end of this.#opened) end()
  }

  async #runProbes(): Promise<void> {
    await Promise.all(this.#probes.map((probe) => probe()))
  }
}
