/**
 * The writer of the audit log. `append` hands a record to the kernel before it returns, so whatever was
 * answered is on record even if the process is killed right after.
 *
 * The write is synchronous on purpose: write(2) of a record into the page cache takes 2 µs where the same
 * through the thread pool costs 78 µs of CPU (Node 20), and the chain is sequential anyway. What may take
 * milliseconds, fdatasync and the replacing of the head, never happens on the event loop (`syncer.ts`).
 *
 * If a write fails, the log is not writable until one succeeds again; the gate refuses meanwhile, and the
 * first record after it is a `gap` that says how many requests went unrecorded.
 */
import { closeSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { seal } from './chain.ts'
import { writeHeadNow } from './head.ts'
import { type Lock, lockFile, type Processes } from './lock.ts'
import type { RequestRecord } from './record.ts'
import { resumeLog } from './resume.ts'
import { createSyncer, type Sync } from './syncer.ts'

export interface AuditLog {
  /** @throws if the record is not with the kernel */
  append(record: RequestRecord): void
  /** @throws if the record is not with the kernel */
  event(event: string, details?: object): void
  /** With `sync: each`: when what was appended is on the disk. */
  synced(): Promise<void> | undefined
  configure(sync: Sync): void
  /** Tries again after a failure, at most once a second. */
  writable(): boolean
  /** Counts a request that could not be recorded. */
  lost(): void
  close(): Promise<void>
}

export interface AuditLogOptions {
  readonly file: string
  readonly sync: Sync
  readonly clock: Clock
  readonly processes: Processes
  /** Goes into the `started` event: version, policy. */
  readonly about: object
  /** What must be told about the log itself: failures and recoveries. */
  report(problem: string, error?: unknown): void
  /** For tests: what stands in for `fs.writeSync`. */
  readonly write?: (handle: number, data: string) => number
}

const retryMs = 1000

/** Opens, locks and repairs a log, and continues its chain. @throws if another process writes it */
export function openAuditLog(options: AuditLogOptions): AuditLog {
  mkdirSync(dirname(options.file), { recursive: true, mode: 0o700 })
  const lock = lockFile(options.file, options.processes)
  const handle = openSync(options.file, 'a+', 0o600)
  try {
    return continueLog(options, handle, lock)
  } catch (error) {
    closeSync(handle)
    lock.release()
    throw error
  }
}

function continueLog(options: AuditLogOptions, handle: number, lock: Lock): AuditLog {
  const { file, clock, report, write = writeSync } = options
  const resumed = resumeLog(file, handle)
  let { head, length } = resumed
  const syncer = createSyncer(file, handle, { head, sync: options.sync }, report)
  let failedAtMs: number | undefined
  let unrecorded = 0

  const put = (fields: object): void => {
    const link = seal(fields, head)
    const bytes = Buffer.byteLength(link.line)
    try {
      const written = write(handle, link.line)
      if (written !== bytes) throw new Error(`only ${written} of ${bytes} bytes were written`)
    } catch (error) {
      failedAtMs = clock.monotonicMs()
      report('the audit log cannot be written', error)
      cutBack()
      throw error
    }
    length += bytes
    head = link
    syncer.written(link)
  }

  /** Half a line must not stay: the next record would be glued to it. */
  const cutBack = () => {
    try {
      ftruncateSync(handle, length)
    } catch {
      // Then the file ends torn, as after a crash, and is repaired like one.
    }
  }

  const event = (name: string, details: object = {}) =>
    put({ time: new Date(clock.wallMs()).toISOString(), event: name, ...details })

  for (const { event: name, details } of resumed.events) event(name, details)
  event('started', options.about)

  return {
    append: put,
    event,
    synced: syncer.synced,
    configure: syncer.configure,

    writable() {
      if (failedAtMs === undefined) return true
      if (clock.monotonicMs() - failedAtMs < retryMs) return false
      try {
        event('gap', { reason: 'the log could not be written', unrecorded })
      } catch {
        return false
      }
      failedAtMs = undefined
      unrecorded = 0
      report('the audit log is written again')
      return true
    },

    lost() {
      unrecorded++
    },

    async close() {
      await syncer.stop()
      try {
        event('stopped')
        fdatasyncSync(handle)
        writeHeadNow(file, head)
      } finally {
        await syncer.stop()
        closeSync(handle)
        lock.release()
      }
    },
  }
}
