/**
 * The writer of the audit log. `append` calls back when a record is with the kernel, so whatever is answered
 * after that is on record even if the process is killed right then.
 *
 * Records of one turn of the event loop share one write(2) (group commit). It is synchronous on purpose: into
 * the page cache it takes some 10 µs where the same through the thread pool costs 78 µs of CPU (Node 20), and
 * the chain is sequential anyway. What may take milliseconds, fdatasync and the replacing of the head, never
 * happens on the event loop (`fsync-scheduler.ts`).
 *
 * When a day or so many bytes are over, the file is put aside as a closed segment, and the chain goes on in a new one:
 * two renames, of files in one folder.
 *
 * A record counts as written while the path names the file that has it. If a write fails, or the file lost its name, the
 * log is not writable until one succeeds again, which is tried once a second; the gate refuses meanwhile, and the first
 * record after it is a `gap` that says how many requests went unrecorded, and which records are gone.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { readFirst } from '../query/tail.ts'
import { createSalts, type Head, seal } from './chain.ts'
import { createFsyncScheduler, type Sync } from './fsync-scheduler.ts'
import { writeHeadNow } from './head.ts'
import { keepMs, type Lock } from './lock.ts'
import { type Active, changePlaces, faultOf, retake, takeBack } from './place.ts'
import type { RecordContent, RequestRecord } from './record.ts'
import { resumeLog } from './resume.ts'
import { closedPath } from './segments.ts'

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
  /** Of this file; released with the log. */
  readonly lock: Lock
  readonly sync: Sync
  /** How large a segment may become; also each day (UTC) has one of its own. */
  readonly segmentBytes?: number
  readonly clock: Clock
  /** Goes into the `started` event: version, policy. */
  readonly about: object
  /** What must be told about the log itself: failures and recoveries. */
  report(problem: string, error?: unknown): void
  /** Told after every write. */
  onWritten?(): void
  /** Told when records, or what they hold, may be gone: no later one may refer to them. */
  onGone?(): void
  /** Told when a segment was closed. */
  onClosed?(path: string): void
  /** For tests: what stands in for `fs.writeSync`. */
  readonly write?: (handle: number, bytes: Buffer) => number
  /** And for `fs.fdatasync`. */
  readonly datasync?: (handle: number) => Promise<void>
}

const retryMs = 1000
/**
 * Between two looks. Right behind a write one takes 5 µs, half of what a record costs. What was written since the last
 * one is not lost: it is in the open file, whose content gets a name again, or at the beginning of one that was cut.
 */
const lookMs = 2
/** Of one turn of the event loop. */
const maxWaiting = 10_000
const dayMs = 86_400_000
/** Clocks are corrected all the time; what is more than this is told. */
const setBackMs = 2000

/** Repairs a log and continues its chain. @throws if it cannot be written; then its lock is released */
export function openAuditLog(options: AuditLogOptions): AuditLog {
  const { file, lock } = options
  let handle: number | undefined
  try {
    handle = openSync(file, 'a+', 0o600)
    return continueLog(options, handle)
  } catch (error) {
    if (handle !== undefined) closeSync(handle)
    lock.release()
    throw error
  }
}

interface QueuedRecord {
  readonly fields: object
  readonly content: RecordContent | undefined
  resolve(): void
  reject(error: unknown): void
}

/** A time in which the log cannot be written. */
interface Outage {
  /** What happened first; the rest mostly follows from it. */
  readonly reason: string
  triedAtMs: number
  /** What went wrong last, and was reported. */
  error: Error | undefined
  unrecorded: number
  events: number
  /** What was found when the log was taken up again. */
  readonly found: { readonly event: string; readonly details: object }[]
}

function continueLog(options: AuditLogOptions, opened: number): AuditLog {
  const { file, lock, clock, report, write = writeSync } = options
  const resumed = resumeLog(file, opened)
  let { head, atMs } = resumed
  let active = activeAt(file, opened, resumed.length, head)
  let day = dayOf(active.handle, clock)
  const fsyncScheduler = createFsyncScheduler(
    file,
    opened,
    { head, sync: options.sync },
    report,
    options.datasync,
  )
  const freshSalt = createSalts()
  let { segmentBytes = Number.POSITIVE_INFINITY } = options
  let mayRotateAtMs = 0
  let lookedAtMs = Number.NEGATIVE_INFINITY
  let outage: Outage | undefined
  let closed = false
  let batch: QueuedRecord[] = []
  let turn: NodeJS.Immediate | undefined

  const put = (fields: object, content?: RecordContent): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new Error('the audit log is closed'))
      if (batch.length >= maxWaiting) return reject(new Error('too many records wait to be written'))
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
    if (outage) {
      const { reason, unrecorded, events, found } = outage
      const gap = found.find((each) => each.event === 'gap')?.details
      words.push(event('gap', { ...gap, reason, unrecorded, events }))
      for (const { event: name, details } of found) if (name !== 'gap') words.push(event(name, details))
    }
    const now = clock.wallMs()
    if (now < atMs - setBackMs) words.push(event('clock set back', { from: new Date(atMs).toISOString() }))
    return words
  }

  const fail = (error: unknown, waiting: readonly QueuedRecord[] = []) => {
    const cause = error as Error
    if (!outage) options.onGone?.()
    outage ??= {
      reason: cause.message,
      triedAtMs: 0,
      error: undefined,
      unrecorded: 0,
      events: 0,
      found: [],
    }
    outage.triedAtMs = clock.monotonicMs()
    if (outage.error?.message !== cause.message) report('the audit log cannot be written', cause)
    outage.error = cause
    turnAway(outage, waiting)
  }

  const mayTry = ({ triedAtMs }: Outage) => clock.monotonicMs() - triedAtMs >= retryMs

  /** Before a log is written that could not be: whether it is still ours, and there. */
  const takeUp = (found: Outage['found']) => {
    if (!lock.keep()) throw new Error(lostLock)
    if (faultOf(active) === undefined) return
    const { handle, restored, ...taken } = retake(active, head)
    if (handle !== active.handle) fsyncScheduler.turnTo(handle)
    head = taken.head
    active = activeAt(file, handle, taken.length, head)
    day = dayOf(handle, clock)
    found.push(...taken.events)
    if (restored === undefined) return
    found.push({ event: 'gap', details: { restored: basename(restored) } })
    options.onClosed?.(restored)
  }

  /** Seals and writes what this turn of the event loop brought; behind a failure, first that there was one. */
  const commit = () => {
    clearImmediate(turn)
    turn = undefined
    const waiting = batch
    batch = []
    if (outage && !mayTry(outage)) return turnAway(outage, waiting)
    if (today(clock) > day) rotate()
    try {
      if (outage) takeUp(outage.found)
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
      fsyncScheduler.written(head)
    } catch (error) {
      return fail(error, waiting)
    }
    if (outage) report('the audit log can be written again')
    outage = undefined
    const onDisk = fsyncScheduler.synced()
    for (const { resolve, reject } of waiting) {
      if (onDisk) onDisk.then(resolve, reject)
      else resolve()
    }
    if (active.length >= segmentBytes && head.seq > active.first) rotate()
    options.onWritten?.()
  }

  const writeWhole = (bytes: Buffer) => {
    try {
      const written = write(active.handle, bytes)
      if (written !== bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes were written`)
      const longer = { ...active, length: active.length + bytes.length }
      const now = clock.monotonicMs()
      if (now - lookedAtMs >= lookMs) {
        const fault = faultOf(longer)
        if (fault !== undefined) throw new Error(fault)
        lookedAtMs = now
      }
      active = longer
    } catch (error) {
      try {
        takeBack(active, bytes)
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
    if (clock.monotonicMs() < mayRotateAtMs || outage || active.length === 0) return false
    const { first } = active
    const path = closedPath(file, first)
    try {
      // A file that is not the log's must not become a part of it.
      const fault = faultOf(active)
      if (fault !== undefined) throw new Error(fault)
      active = activeAt(file, changePlaces(file, path), 0, head)
    } catch (error) {
      mayRotateAtMs = clock.monotonicMs() + retryMs
      report('the audit log cannot start a new segment and continues in the old one', error)
      return false
    }
    fsyncScheduler.turnTo(active.handle)
    day = today(clock)
    tell('segment', { first, last: head.seq })
    options.onClosed?.(path)
    return true
  }

  const writable = () => {
    if (outage && mayTry(outage)) commit()
    return outage === undefined
  }

  /** Also while nothing is written: nobody should have to ask to learn that the log is gone. */
  const look = () => {
    if (outage) return void writable()
    try {
      const fault = lock.keep() ? faultOf(active) : lostLock
      if (fault !== undefined) fail(new Error(fault))
    } catch (error) {
      fail(error)
    }
  }

  for (const { event: name, details } of resumed.events) {
    report(
      `the audit log was not closed properly: ${'reason' in details ? details.reason : 'a torn last line'}`,
    )
    tell(name, details)
  }
  tell('started', options.about)
  if (outage) throw new Error(`${file} cannot be written`)
  // From the first moment there is a head to hold the log against.
  writeHeadNow(file, head)
  const looking = setInterval(look, keepMs)
  looking.unref()

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
    durable: fsyncScheduler.durable,
    configure(sync, bytes = segmentBytes) {
      fsyncScheduler.configure(sync)
      segmentBytes = bytes
    },
    writable,

    async close() {
      clearInterval(looking)
      // The last chance.
      if (outage) outage.triedAtMs = Number.NEGATIVE_INFINITY
      tell('stopped')
      closed = true
      await fsyncScheduler.stop()
      try {
        fdatasyncSync(active.handle)
        // Another writer's head is not ours to set back.
        if (lock.keep()) writeHeadNow(file, head)
      } finally {
        closeSync(active.handle)
        lock.release()
      }
    },
  }
}

/** Not one by one against a disk that is full. */
function turnAway(outage: Outage, waiting: readonly QueuedRecord[]): void {
  for (const { fields, reject } of waiting) {
    if ('event' in fields) outage.events++
    else outage.unrecorded++
    reject(outage.error)
  }
}

const lostLock = 'another gateway has taken the log over'

/** Where the active segment begins: as its first record says, or with the next one. */
function activeAt(file: string, handle: number, length: number, head: Head): Active {
  const opening = length === 0 ? undefined : readFirst(handle)
  const first = !opening || 'wrong' in opening ? head.seq + 1 : opening.seq
  return { file, handle, inode: fstatSync(handle), length, first }
}

/** On which day (UTC) a segment was begun. */
function dayOf(handle: number, clock: Clock): number {
  const opening = readFirst(handle)
  const day = opening && 'time' in opening ? Math.floor(Date.parse(opening.time ?? '') / dayMs) : Number.NaN
  return Number.isNaN(day) ? today(clock) : day
}

function today(clock: Clock): number {
  return Math.floor(clock.wallMs() / dayMs)
}

/** Names that say where a record stands, or what it is, are not for whoever tells an event. */
function withoutPlace(details: object): object {
  const taken = new Set(['seq', 'time', 'event', 'content', 'prev', 'hash', 'salt', 'erased'])
  const names = Object.keys(details)
  if (!names.some((name) => taken.has(name))) return details
  return Object.fromEntries(Object.entries(details).filter(([name]) => !taken.has(name)))
}
