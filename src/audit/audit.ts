/**
 * The audit log as a running gateway keeps it: its writer, and beside the way of requests the checkpoints, the
 * compressing of closed segments, their deletion when they are too old, and erasures. One process a log.
 */
import { accessSync, constants, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeFolder } from '../files/folder.ts'
import { type Erased, type ErasureParts, type ErasureRequest, erase, resumeErasure } from './erase/erasure.ts'
import { expire, type RetentionParts } from './erase/retention.ts'
import { compressSegment, type Step } from './erase/rewrite.ts'
import {
  type Checkpoint,
  type CheckpointSettings,
  type Checkpoints,
  createCheckpoints,
} from './write/checkpoints.ts'
import type { Sync } from './write/fsync-scheduler.ts'
import { acquireLock, type LockOptions } from './write/lock.ts'
import { type AuditLog, type AuditLogOptions, openAuditLog } from './write/log.ts'
import { createQueue } from './write/queue.ts'
import { closedSegments } from './write/segments.ts'
import { openSigner, type Signer } from './write/signer.ts'

/** What a policy says of the log; sizes in bytes, times in milliseconds. */
export interface AuditSettings {
  readonly sync: Sync
  readonly segmentBytes: number
  readonly retentionMs: number
  readonly checkpoint: CheckpointSettings
}

/** A log that is written and tended. */
export interface Audit extends AuditLog {
  readonly instance: string
  readonly checkpoint: Checkpoint | undefined
  /** Signs where the chain stands now, if the last checkpoint does not say it. */
  sign(): Promise<void>
  /**
   * Erases content, once whatever is under way with closed segments is done.
   * @param id of an erasure in several chains
   */
  erase(request: ErasureRequest, id?: string): Promise<Erased>
  reconfigure(settings: AuditSettings): void
  /** Resolves when compressing, deleting and what a crash left of an erasure are done as far as they are known now. */
  settled(): Promise<void>
}

/** What a log is opened with. */
export interface AuditOptions
  extends Omit<AuditLogOptions, 'lock' | 'sync' | 'segmentBytes' | 'onWritten' | 'onClosed'>,
    LockOptions {
  readonly settings: AuditSettings
  /** Told of every checkpoint, so that somebody else may hold it. */
  onCheckpoint?(checkpoint: Checkpoint): void
  /** For tests: told of every step after which a crash must do no harm. */
  readonly step?: Step
}

const hourMs = 3_600_000

/** @throws with what to do if nothing can be written there */
function prepareFolder(folder: string): void {
  try {
    makeFolder(folder)
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new Error(
      `cannot write the audit log in ${folder} (${code}): let this user write there, or change \`audit.file\``,
      { cause },
    )
  }
}

/**
 * Opens a log and begins to tend it. Resolves when its beginning is signed.
 * @throws an Error if another process writes the log, or it cannot be written
 */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { file, clock, report, settings, onCheckpoint: onMade = () => {} } = options
  prepareFolder(dirname(file))
  const lock = await acquireLock(file, options)
  const signer = await openSigner(file).catch((error: unknown) => {
    lock.release()
    throw error
  })
  // Both are told of by a log that writes as soon as it is opened.
  let checkpoints: Checkpoints | undefined
  let tending: Tending | undefined
  const log = openAuditLog({
    ...options,
    lock,
    sync: settings.sync,
    segmentBytes: settings.segmentBytes,
    about: { ...options.about, instance: signer.instance, key: signer.kid },
    onWritten: () => checkpoints?.written(),
    onClosed: () => tending?.tidy(),
  })
  const made = createCheckpoints({ log, signer, clock, settings: settings.checkpoint, onMade, report })
  checkpoints = made
  tending = new Tending(options, log, signer, made)
  removeUnfinished(file)
  try {
    // Before anything is answered: requests that stand before the first signature were put there by somebody else.
    await made.now()
  } catch (error) {
    tending.stopTimer()
    await log.close()
    throw error
  }
  tending.resume()
  tending.tidy()
  return auditOf(options, log, signer, made, tending)
}

function auditOf(
  { report }: AuditOptions,
  log: AuditLog,
  signer: Signer,
  checkpoints: Checkpoints,
  tending: Tending,
): Audit {
  return {
    append: (record, content) => log.append(record, content),
    event: (event, details) => log.event(event, details),
    get head() {
      return log.head
    },
    rotate: () => log.rotate(),
    durable: () => log.durable(),
    configure: (sync, segmentBytes) => log.configure(sync, segmentBytes),
    writable: () => log.writable(),
    instance: signer.instance,
    get checkpoint() {
      return checkpoints.last
    },
    sign: () => checkpoints.now(),
    erase: (request, id) => tending.erase(request, id),
    reconfigure(settings) {
      tending.settings = settings
      log.configure(settings.sync, settings.segmentBytes)
      checkpoints.configure(settings.checkpoint)
    },
    settled: () => tending.settled(),
    async close() {
      await tending.stop()
      checkpoints.stop()
      await checkpoints
        .now()
        .catch((error: unknown) => report('the audit log ends without a checkpoint', error))
      await log.close()
    },
  }
}

/** Work on closed segments, beside the way of requests: compressing, deleting, erasing. */
class Tending {
  settings: AuditSettings
  readonly #options: AuditOptions
  readonly #log: AuditLog
  readonly #checkpoints: Checkpoints
  readonly #parts: ErasureParts & RetentionParts
  readonly #work = createQueue()
  /** What is cut off in the middle does no harm, and the next start takes it up. */
  readonly #closing = new AbortController()
  readonly #hourly: NodeJS.Timeout

  constructor(options: AuditOptions, log: AuditLog, signer: Signer, checkpoints: Checkpoints) {
    const { file, clock, settings, step = () => {} } = options
    this.#options = options
    this.settings = settings
    this.#log = log
    this.#checkpoints = checkpoints
    this.#parts = { file, log, signer, clock, step, signal: this.#closing.signal }
    this.#hourly = setInterval(() => this.tidy(), hourMs)
    this.#hourly.unref()
  }

  /** Compresses closed segments, and deletes those that are too old. */
  tidy(): void {
    this.#do('cannot compress or delete closed segments of the audit log', async () => {
      await this.#compressAll()
      if ((await expire(this.#parts, this.settings.retentionMs)) > 0) await this.#checkpoints.now()
    })
  }

  /** Takes up an erasure that a crash interrupted. */
  resume(): void {
    this.#do('cannot finish an interrupted erasure', async () => {
      await this.#compressAll()
      if (await resumeErasure(this.#parts)) await this.#checkpoints.now()
    })
  }

  erase(request: ErasureRequest, id?: string): Promise<Erased> {
    const { onGone = () => {} } = this.#options
    return this.#work.do(async () => {
      onGone()
      const erased = await erase(this.#parts, request, id)
      onGone()
      if (erased.id === null) return erased
      await this.#compressAll()
      await this.#checkpoints.now()
      return erased
    })
  }

  settled(): Promise<void> {
    return this.#work.do(async () => {})
  }

  stopTimer(): void {
    clearInterval(this.#hourly)
  }

  /** Resolves when what is under way is over. */
  async stop(): Promise<void> {
    this.stopTimer()
    this.#closing.abort()
    await this.#work.stop()
  }

  /** @param problem reported if the work fails, unless it was cut off */
  #do(problem: string, work: () => Promise<void>): void {
    this.#work.do(work).catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#options.report(problem, error)
    })
  }

  async #compressAll(): Promise<void> {
    for (const segment of closedSegments(this.#options.file)) {
      if (segment.compressed) continue
      // Until the next one has begun on the disk, a crash of the machine may need its end.
      await this.#log.durable()
      await compressSegment(segment, this.#parts)
    }
  }
}

const leftover = /^(\d{12,}(\.gz)?|(erasure|key|pub)\.[0-9a-f]+)\.tmp$/

/** What a crash left of files that were being made. */
function removeUnfinished(file: string): void {
  const stem = `${basename(file)}.`
  for (const name of readdirSync(dirname(file)))
    if (name.startsWith(stem) && leftover.test(name.slice(stem.length)))
      rmSync(join(dirname(file), name), { force: true })
  rmSync(`${file}.next`, { force: true })
}
