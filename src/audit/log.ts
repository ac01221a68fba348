/**
 * The writer of the audit log. `append` calls back when a record is with the kernel, so whatever is answered
 * after that is on record even if the process is killed right then.
 *
 * Records of one turn of the event loop share one write(2) (group commit). It is synchronous on purpose: into
 * the page cache it takes some 10 µs where the same through the thread pool costs 78 µs of CPU (Node 20), and
 * the chain is sequential anyway. What may take milliseconds, fdatasync and the replacing of the head, never
 * happens on the event loop (`syncer.ts`).
 *
 * When a day or so many bytes are over, the file is put aside as a closed segment, and the chain goes on in a new one:
 * two renames, of files in one folder.
 *
 * If a write fails, the log is not writable until one succeeds again; the gate refuses meanwhile, and the
 * first record after it is a `gap` that says how many requests went unrecorded.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { createSalts, type Head, seal } from './chain.ts'
import { writeHeadNow } from './head.ts'
import { type Lock, lockFile, type Processes } from './lock.ts'
import type { RecordContent, RequestRecord } from './record.ts'
import { resumeLog } from './resume.ts'
import { closedPath } from './segments.ts'
import { createSyncer, type Sync } from './syncer.ts'
import { readFirst } from './tail.ts'

export interface AuditLog {
  /** Resolves when the record is with the kernel, with `sync: each` on the disk; rejects if it is not. */
  append(record: RequestRecord, content: RecordContent): Promise<void>
  event(event: string, details?: object): Promise<void>
  /** Where the chain ends. */
  readonly head: Head
  /** Closes the active segment and begins another; false if there is nothing to close, or it cannot be done now. */
  rotate(): boolean
  /** Resolves when all that was written is on the disk. */
  durable(): Promise<void>
  configure(sync: Sync, segmentBytes?: number): void
  /** Tries again after a failure, at most once a second. */
  writable(): boolean
  close(): Promise<void>
}

export interface AuditLogOptions {
  readonly file: string
  readonly sync: Sync
  /** How large a segment may become; also each day (UTC) has one of its own. */
  readonly segmentBytes?: number
  readonly clock: Clock
  readonly processes: Processes
  /** Goes into the `started` event: version, policy. */
  readonly about: object
  /** What must be told about the log itself: failures and recoveries. */
  report(problem: string, error?: unknown): void
  /** Told after every write. */
  onWritten?(): void
  /** Told when a segment was closed. */
  onClosed?(path: string): void
  /** For tests: what stands in for `fs.writeSync`. */
  readonly write?: (handle: number, bytes: Buffer) => number
  /** And for `fs.fdatasync`. */
  readonly datasync?: (handle: number) => Promise<void>
}

const retryMs = 1000
/** Of one turn of the event loop. */
const mostWaiting = 10_000
const dayMs = 86_400_000
/** Clocks are corrected all the time; what is more than this is told. */
const setBackMs = 2000

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
  readonly content: RecordContent | undefined
  resolve(): void
  reject(error: unknown): void
}

function continueLog(options: AuditLogOptions, opened: number, lock: Lock): AuditLog {
  const { file, clock, report, write = writeSync } = options
  const resumed = resumeLog(file, opened)
  let handle = opened
  let { head, length, atMs } = resumed
  const syncer = createSyncer(file, handle, { head, sync: options.sync }, report, options.datasync)
  const freshSalt = createSalts()
  let { segmentBytes = Number.POSITIVE_INFINITY } = options
  let segment = segmentAt(handle, head, clock)
  let mayRotateAtMs = 0
  let failedAtMs: number | undefined
  let unrecorded = 0
  let closed = false
  let batch: Waiting[] = []
  let turn: NodeJS.Immediate | undefined

  const put = (fields: object, content?: RecordContent): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new Error('the audit log is closed'))
      if (batch.length >= mostWaiting) return reject(new Error('too many records wait to be written'))
      batch.push({ fields, content, resolve, reject })
      turn ??= setImmediate(commit)
    })

  const event = (name: string, details: object = {}) => ({
    time: new Date(clock.wallMs()).toISOString(),
    event: name,
    ...withoutPlace(details),
  })

  /** What must be known before the records of this turn can be understood. */
  const forewords = (): object[] => {
    const words: object[] = []
    if (failedAtMs !== undefined)
      words.push(event('gap', { reason: 'the log could not be written', unrecorded }))
    const now = clock.wallMs()
    if (now < atMs - setBackMs) words.push(event('clock set back', { from: new Date(atMs).toISOString() }))
    return words
  }

  /** Seals and writes what this turn of the event loop brought; behind a failure, first that there was one. */
  const commit = () => {
    clearImmediate(turn)
    turn = undefined
    const waiting = batch
    batch = []
    if (dayOf(clock) > segment.day) rotate()
    try {
      let last = head
      let lines = ''
      for (const fields of forewords()) {
        const link = seal(fields, last)
        lines += link.line
        last = link
      }
      for (const { fields, content } of waiting) {
        const link = seal(fields, last, content && { content, salt: freshSalt() })
        lines += link.line
        last = link
      }
      writeWhole(Buffer.from(lines))
      head = { seq: last.seq, hash: last.hash }
      atMs = clock.wallMs()
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
    if (length >= segmentBytes && head.seq > segment.first) rotate()
    options.onWritten?.()
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

  /** A crash between the two renames leaves no active segment; whoever opens the log then makes it. */
  const rotate = (): boolean => {
    if (clock.monotonicMs() < mayRotateAtMs || failedAtMs !== undefined || length === 0) return false
    const path = closedPath(file, segment.first)
    let next: number
    try {
      next = changePlaces(file, path)
    } catch (error) {
      mayRotateAtMs = clock.monotonicMs() + retryMs
      report('the audit log cannot begin a new segment, and goes on in the old one', error)
      return false
    }
    syncer.turnTo(next)
    handle = next
    length = 0
    const before = { first: segment.first, last: head.seq }
    segment = { first: head.seq + 1, day: dayOf(clock) }
    tell('segment', before)
    options.onClosed?.(path)
    return true
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
    get head() {
      return head
    },
    rotate() {
      if (batch.length > 0) commit()
      return rotate()
    },
    durable: syncer.durable,
    configure(sync, bytes = segmentBytes) {
      syncer.configure(sync)
      segmentBytes = bytes
    },

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

/** Puts the file aside and an empty one in its place. @returns its handle. @throws what `fs` throws, with all as it was */
function changePlaces(file: string, aside: string): number {
  if (existsSync(aside) || existsSync(`${aside}.gz`)) throw new Error(`${aside} is there already`)
  const fresh = `${file}.next`
  rmSync(fresh, { force: true })
  const handle = openSync(fresh, 'ax', 0o600)
  try {
    renameSync(file, aside)
    try {
      renameSync(fresh, file)
    } catch (error) {
      renameSync(aside, file)
      throw error
    }
  } catch (error) {
    closeSync(handle)
    throw error
  }
  return handle
}

/** Where the active segment begins, and on which day: as its first record says, or with the next one. */
function segmentAt(handle: number, head: Head, clock: Clock): { first: number; day: number } {
  const opening = readFirst(handle)
  if (!opening || 'wrong' in opening) return { first: head.seq + 1, day: dayOf(clock) }
  const day = Math.floor(Date.parse(opening.time ?? '') / dayMs)
  return { first: opening.seq, day: Number.isNaN(day) ? dayOf(clock) : day }
}

function dayOf(clock: Clock): number {
  return Math.floor(clock.wallMs() / dayMs)
}

/** Names that say where a record stands, or what it is, are not for whoever tells an event. */
function withoutPlace(details: object): object {
  const taken = new Set(['seq', 'time', 'event', 'content', 'prev', 'hash', 'salt', 'erased'])
  const names = Object.keys(details)
  if (!names.some((name) => taken.has(name))) return details
  return Object.fromEntries(Object.entries(details).filter(([name]) => !taken.has(name)))
}
