/**
 * Signed checkpoints: every so many records, every so many minutes, and at the end of a run, the log says under a
 * signature where its chain stood. Whoever keeps one elsewhere (a metric, a log line) sees any change of what is before
 * it, even by somebody who can rewrite the log and its head. Signing is off the way of requests.
 */
import type { Clock } from '../../core/clock.ts'
import type { Head } from './chain.ts'
import type { AuditLog } from './log.ts'
import type { Signer } from './signer.ts'

export interface Checkpoint extends Head {
  readonly instance: string
  /** Epoch seconds. */
  readonly iat: number
  /** The JWS of it. */
  readonly proof: string
}

export interface CheckpointSettings {
  readonly records: number
  readonly everyMs: number
}

export interface Checkpoints {
  /** Told after every write. */
  written(): void
  /** Makes one of all that is written, if the last one does not cover it. */
  now(): Promise<void>
  readonly last: Checkpoint | undefined
  configure(settings: CheckpointSettings): void
  stop(): void
}

/** Records that may be written while one is signed; whoever verifies need not remember more. */
export const maxDelay = 8192

export function createCheckpoints(
  log: Pick<AuditLog, 'head' | 'event'>,
  signer: Signer,
  clock: Clock,
  start: CheckpointSettings,
  onMade: (checkpoint: Checkpoint) => void,
  report: (problem: string, error: unknown) => void,
): Checkpoints {
  let settings = start
  let last: Checkpoint | undefined
  /** What is up to here needs no further checkpoint: the last one covers it, or is it. */
  let coveredSeq = 0
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const make = async () => {
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
    last = { ...told.at, instance: signer.instance, iat: told.iat, proof }
    coveredSeq = told.at.seq + 1
    onMade(last)
  }
  const now = async () => {
    await running
    if (log.head.seq <= coveredSeq) return
    running ??= make().finally(() => {
      running = undefined
    })
    await running
  }
  const soon = () => {
    now().catch((error: unknown) => report('cannot write a checkpoint of the audit log', error))
  }
  return {
    written() {
      if (log.head.seq - coveredSeq >= settings.records) {
        if (!running) soon()
      } else if (!timer && log.head.seq > coveredSeq) {
        timer = setTimeout(() => {
          timer = undefined
          soon()
        }, settings.everyMs)
        timer.unref()
      }
    },
    now,
    get last() {
      return last
    },
    configure(next) {
      settings = next
    },
    stop: () => clearTimeout(timer),
  }
}

function epochSeconds(clock: Clock): number {
  return Math.floor(clock.wallMs() / 1000)
}
