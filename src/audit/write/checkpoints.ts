/**
 * Signed checkpoints: every so many records, every so many minutes, and at the end of a run, the log says under a
 * signature where its chain stood. Whoever keeps one elsewhere (a metric, a log line) sees any change of what is before
 * it, even by somebody who can rewrite the log and its head. Signing is off the way of requests.
 */
import type { Clock } from '../../core/clock.ts'
import type { Head } from './chain.ts'
import type { AuditLog } from './log.ts'
import type { Signer } from './signer.ts'

/** Where the chain stood, under a signature. */
export interface Checkpoint extends Head {
  readonly instance: string
  /** Epoch seconds. */
  readonly iat: number
  /** The JWS of it. */
  readonly proof: string
}

/** When a checkpoint is due: after so many records, or so many milliseconds after the first that it would cover. */
export interface CheckpointSettings {
  readonly records: number
  readonly everyMs: number
}

/** Makes checkpoints of a log. */
export interface Checkpoints {
  /** Is told after every write. */
  written(): void
  /** Makes one of all that is written, if the last one does not cover it. */
  now(): Promise<void>
  readonly last: Checkpoint | undefined
  configure(settings: CheckpointSettings): void
  stop(): void
}

/** Records that may be written while one is signed; whoever verifies need not remember more. */
export const maxDelay = 8192

/** What checkpoints are made with. */
export interface CheckpointOptions {
  readonly log: Pick<AuditLog, 'head' | 'event'>
  readonly signer: Signer
  readonly clock: Clock
  readonly settings: CheckpointSettings
  /** Told of every checkpoint. */
  onMade(checkpoint: Checkpoint): void
  /** Told what went wrong where nobody waits for a checkpoint. */
  report(problem: string, error: unknown): void
}

/** Makes none yet: the first is made by `now`, or when enough was written. */
export function createCheckpoints(options: CheckpointOptions): Checkpoints {
  return new LogCheckpoints(options)
}

class LogCheckpoints implements Checkpoints {
  readonly #options: CheckpointOptions
  #settings: CheckpointSettings
  #last: Checkpoint | undefined
  /** What is up to here needs no further checkpoint: the last one covers it, or is it. */
  #coveredSeq = 0
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: CheckpointOptions) {
    this.#options = options
    this.#settings = options.settings
  }

  get last(): Checkpoint | undefined {
    return this.#last
  }

  written(): void {
    const { seq } = this.#options.log.head
    if (seq - this.#coveredSeq >= this.#settings.records) {
      if (!this.#running) this.#soon()
    } else if (!this.#timer && seq > this.#coveredSeq) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#soon()
      }, this.#settings.everyMs)
      this.#timer.unref()
    }
  }

  async now(): Promise<void> {
    await this.#running
    if (this.#options.log.head.seq <= this.#coveredSeq) return
    this.#running ??= this.#make().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  configure(settings: CheckpointSettings): void {
    this.#settings = settings
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  async #make(): Promise<void> {
    const { log, signer, clock, onMade } = this.#options
    const { seq, hash } = log.head
    const told = {
      event: 'checkpoint',
      instance: signer.instance,
      at: { seq, hash },
      iat: epochSeconds(clock),
    }
    const proof = await signer.sign(told)
    if (log.head.seq - told.at.seq > maxDelay) throw new Error('signing took too long')
    const { event, ...details } = told
    await log.event(event, { ...details, proof })
    this.#last = { ...told.at, instance: signer.instance, iat: told.iat, proof }
    this.#coveredSeq = told.at.seq + 1
    onMade(this.#last)
  }

  #soon(): void {
    this.now().catch((error: unknown) =>
      this.#options.report('cannot write a checkpoint of the audit log', error),
    )
  }
}

function epochSeconds(clock: Clock): number {
  return Math.floor(clock.wallMs() / 1000)
}
