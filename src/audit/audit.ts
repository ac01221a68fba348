/**
 * The audit log as a running gateway keeps it: its writer, and beside the way of requests the checkpoints, the
 * compressing of closed segments, their deletion when they are too old, and erasures. One process a log.
 */
import { accessSync, constants, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeFolder } from '../files/folder.ts'
import { type Erased, type ErasureRequest, erase, resumeErasure } from './erase/erasure.ts'
import { expire } from './erase/retention.ts'
import { compressSegment, type Step } from './erase/rewrite.ts'
import { type Checkpoint, type CheckpointSettings, createCheckpoints } from './write/checkpoints.ts'
import type { Sync } from './write/fsync-scheduler.ts'
import { acquireLock, type LockOptions } from './write/lock.ts'
import { type AuditLog, type AuditLogOptions, openAuditLog } from './write/log.ts'
import { createQueue } from './write/queue.ts'
import { closedSegments } from './write/segments.ts'
import { openSigner } from './write/signer.ts'

export interface AuditSettings {
  readonly sync: Sync
  readonly segmentBytes: number
  readonly retentionMs: number
  readonly checkpoint: CheckpointSettings
}

export interface Audit extends AuditLog {
  readonly instance: string
  readonly checkpoint: Checkpoint | undefined
  /** Signs where the chain stands now, if the last checkpoint does not say it. */
  sign(): Promise<void>
  /** Erases content, once whatever is under way with closed segments is done. */
  erase(order: ErasureRequest): Promise<Erased>
  reconfigure(settings: AuditSettings): void
  /** Resolves when compressing, deleting and what a crash left of an erasure are done as far as they are known now. */
  settled(): Promise<void>
}

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

/** @throws if another process writes the log, or it cannot be written */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { file, clock, report, onCheckpoint = () => {}, step = () => {} } = options
  let { settings } = options
  let checkpoints: ReturnType<typeof createCheckpoints> | undefined
  const work = createQueue()
  /** What is cut off in the middle does no harm, and the next start takes it up. */
  const closing = new AbortController()
  const failed = (problem: string) => (error: unknown) => {
    if (!closing.signal.aborted) report(problem, error)
  }
  prepareFolder(dirname(file))
  const lock = await acquireLock(file, options)
  const signer = await openSigner(file).catch((error: unknown) => {
    lock.release()
    throw error
  })
  const log = openAuditLog({
    ...options,
    lock,
    sync: settings.sync,
    segmentBytes: settings.segmentBytes,
    about: { ...options.about, instance: signer.instance, key: signer.kid },
    onWritten: () => checkpoints?.written(),
    onClosed: () => tidy(),
  })
  const made = createCheckpoints(log, signer, clock, settings.checkpoint, onCheckpoint, report)
  checkpoints = made
  const parts = { file, log, signer, clock, step, signal: closing.signal }

  async function compressAll() {
    for (const segment of closedSegments(file)) {
      if (segment.compressed) continue
      // Until the next one has begun on the disk, a crash of the machine may need its end.
      await log.durable()
      await compressSegment(segment, parts)
    }
  }
  // Hoisted: a log of yesterday closes a segment as soon as it is opened.
  function tidy() {
    work
      .do(async () => {
        await compressAll()
        if ((await expire(parts, settings.retentionMs)) > 0) await made.now()
      })
      .catch(failed('cannot compress or delete closed segments of the audit log'))
  }
  const hourly = setInterval(tidy, hourMs)
  hourly.unref()

  removeUnfinished(file)
  try {
    // Before anything is answered: requests that stand before the first signature were put there by somebody else.
    await made.now()
  } catch (error) {
    clearInterval(hourly)
    await log.close()
    throw error
  }
  work
    .do(async () => {
      await compressAll()
      if (await resumeErasure(parts)) await made.now()
    })
    .catch(failed('cannot finish an interrupted erasure'))
  tidy()

  return {
    ...log,
    // A copy would stand still.
    get head() {
      return log.head
    },
    instance: signer.instance,
    get checkpoint() {
      return made.last
    },
    sign: made.now,
    erase: (order) =>
      work.do(async () => {
        options.onGone?.()
        const erased = await erase(parts, order)
        options.onGone?.()
        if (erased.id === null) return erased
        await compressAll()
        await made.now()
        return erased
      }),
    reconfigure(next) {
      settings = next
      log.configure(next.sync, next.segmentBytes)
      made.configure(next.checkpoint)
    },
    settled: () => work.do(async () => {}),
    async close() {
      clearInterval(hourly)
      closing.abort()
      await work.stop()
      made.stop()
      await made.now().catch((error: unknown) => report('the audit log ends without a checkpoint', error))
      await log.close()
    },
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
