/**
 * The writer of the audit log. `append` calls back when a record is with the kernel, so whatever is answered
 * after that is on record even if the process is killed right then.
 *
 * Records of one turn of the event loop share one write(2) (group commit). It is synchronous on purpose: into
 * the page cache it takes some 10 µs where the same through the thread pool costs 78 µs of CPU (Node 20), and
 * the chain is sequential anyway. What may take milliseconds, fdatasync and the replacing of the head, never
 * happens on the event loop (`syncer.ts`).
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
  /** Resolves when the record is with the kernel, with `sync: each` on the disk; rejects if it is not. */
  append(record: RequestRecord): Promise<void>
  event(event: string, details?: object): Promise<void>
  configure(sync: Sync): void
  /** Tries again after a failure, at most once a second. */
  writable(): boolean
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
  readonly write?: (handle: number, bytes: Buffer) => number
  /** And for `fs.fdatasync`. */
  readonly datasync?: (handle: number) => Promise<void>
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

interface Waiting {
  readonly fields: object
  resolve(): void
  reject(error: unknown): void
}

function continueLog(options: AuditLogOptions, handle: number, lock: Lock): AuditLog {
  const { file, clock, report, write = writeSync } = options
  const resumed = resumeLog(file, handle)
  let { head, length } = resumed
  const syncer = createSyncer(file, handle, { head, sync: options.sync }, report, options.datasync)
  let failedAtMs: number | undefined
  let unrecorded = 0
  let closed = false
  let batch: Waiting[] = []
  let turn: NodeJS.Immediate | undefined

  const put = (fields: object): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new Error('the audit log is closed'))
      batch.push({ fields, resolve, reject })
      turn ??= setImmediate(commit)
    })

  const event = (name: string, details: object = {}) => ({
    time: new Date(clock.wallMs()).toISOString(),
    event: name,
    ...details,
  })

  /** Seals and writes what this turn of the event loop brought; behind a failure, first that there was one. */
  const commit = () => {
    clearImmediate(turn)
    turn = undefined
    const waiting = batch
    batch = []
    const gap =
      failedAtMs === undefined ? [] : [event('gap', { reason: 'the log could not be written', unrecorded })]
    try {
      let last = head
      let lines = ''
      for (const fields of [...gap, ...waiting.map(({ fields }) => fields)]) {
        const link = seal(fields, last)
        lines += link.line
        last = link
      }
      writeWhole(Buffer.from(lines))
      head = last
      syncer.written(head)
    } catch (error) {
      failedAtMs = clock.monotonicMs()
      unrecorded += waiting.filter(({ fields }) => !('event' in fields)).length
      report('the audit log cannot be written', error)
      for (const { reject } of waiting) reject(error)
      return
    }
    if (failedAtMs !== undefined) report('the audit log is written again')
    failedAtMs = undefined
    unrecorded = 0
    const onDisk = syncer.synced()
    for (const { resolve, reject } of waiting) {
      if (onDisk) onDisk.then(resolve, reject)
      else resolve()
    }
  }

  /** Half a line must not stay: the next record would be glued to it. */
  const writeWhole = (bytes: Buffer) => {
    try {
      const written = write(handle, bytes)
      if (written !== bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes were written`)
      length += bytes.length
    } catch (error) {
      try {
        ftruncateSync(handle, length)
      } catch {
        // Then the file ends torn, as after a crash, and is repaired like one.
      }
      throw error
    }
  }

  /** Whoever writes an event learns of a failure by the log not being writable. */
  const tell = (name: string, details?: object) => {
    put(event(name, details)).catch(() => {})
    commit()
  }

  for (const { event: name, details } of resumed.events) {
    report(
      `the audit log was not left in order: ${'reason' in details ? details.reason : 'a torn last line'}`,
    )
    tell(name, details)
  }
  tell('started', options.about)
  if (failedAtMs !== undefined) throw new Error(`${file} cannot be written`)
  // From the first moment there is a head to hold the log against.
  writeHeadNow(file, head)

  return {
    append: put,
    event: (name, details) => put(event(name, details)),
    configure: syncer.configure,

    writable() {
      if (failedAtMs !== undefined && clock.monotonicMs() - failedAtMs >= retryMs) commit()
      return failedAtMs === undefined
    },

    async close() {
      tell('stopped')
      closed = true
      await syncer.stop()
      try {
        fdatasyncSync(handle)
        writeHeadNow(file, head)
      } finally {
        closeSync(handle)
        lock.release()
      }
    },
  }
}
