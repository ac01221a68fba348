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
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { createSalts, type Head, SealedLines } from './chain.ts'
import { createFsyncScheduler, type FsyncScheduler, type Sync } from './fsync-scheduler.ts'
import { writeHeadNow } from './head.ts'
import { keepMs, type Lock } from './lock.ts'
import { type Outage, type QueuedRecord, turnAway } from './outage.ts'
import { type Active, activeAt, changePlaces, dayOf, faultOf, retake, takeBack, today } from './place.ts'
import type { LogPlace, RecordContent, RequestRecord, UnplacedContent } from './record.ts'
import { resumeLog } from './resume.ts'
import { closedPath } from './segments.ts'

/** The writer of a log. */
export interface AuditLog {
  /** Appends a record. Resolves when the record is with the kernel, with `sync: each` on the disk; rejects if it is not. */
  append(record: RequestRecord, content: RecordContent | UnplacedContent): Promise<void>
  /** Appends an event in the same way. */
  event(event: string, details?: object): Promise<void>
  /** Where the chain ends. */
  readonly head: Head
  /** Closes the active segment and begins another; false if there is nothing to close, or it cannot be done now. */
  rotate(): boolean
  /** Resolves when all that was written is on the disk. */
  durable(): Promise<void>
  /** Takes over what a policy says now. */
  configure(sync: Sync, segmentBytes?: number): void
  /** Whether records can be written. After a failure it tries, at most once a second. */
  writable(): boolean
  /** Writes that the run ends, and releases the lock. */
  close(): Promise<void>
}

/** What a log is opened with. */
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
/** Clocks are corrected all the time; what is more than this is told. */
const setBackMs = 2000

/** Repairs a log and continues its chain. @throws if it cannot be written; then its lock is released */
export function openAuditLog(options: AuditLogOptions): AuditLog {
  const { file, lock } = options
  let handle: number | undefined
  try {
    handle = openSync(file, 'a+', 0o600)
    return new LogWriter(options, handle)
  } catch (error) {
    if (handle !== undefined) closeSync(handle)
    lock.release()
    throw error
  }
}

class LogWriter implements AuditLog {
  readonly #options: AuditLogOptions
  readonly #write: (handle: number, bytes: Buffer) => number
  readonly #scheduler: FsyncScheduler
  readonly #freshSalt = createSalts()
  readonly #lines = new SealedLines()
  readonly #looking: NodeJS.Timeout
  #segmentBytes: number
  /** Where the chain ends, and when that was written, epoch milliseconds. */
  #head: Head
  #atMs: number
  #active: Active
  /** On which day (UTC) the segment was begun. */
  #day: number
  #mayRotateAtMs = 0
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #outage: Outage | undefined
  #closed = false
  /** What this turn of the event loop brought. */
  #batch: QueuedRecord[] = []
  #turn: NodeJS.Immediate | undefined

  /** @throws what `fs` throws, and an Error if nothing can be written */
  constructor(options: AuditLogOptions, opened: number) {
    const { file, clock, sync, report, datasync, write = writeSync } = options
    const resumed = resumeLog(file, opened)
    this.#options = options
    this.#write = write
    this.#segmentBytes = options.segmentBytes ?? Number.POSITIVE_INFINITY
    this.#head = resumed.head
    this.#atMs = resumed.atMs
    this.#active = activeAt(file, opened, resumed.length, this.#head)
    this.#day = dayOf(opened, clock)
    this.#scheduler = createFsyncScheduler({ file, handle: opened, head: this.#head, sync, report, datasync })
    for (const { event: name, details } of resumed.events) {
      report(
        `the audit log was not closed properly: ${'reason' in details ? details.reason : 'a torn last line'}`,
      )
      this.#tell(name, details)
    }
    this.#tell('started', options.about)
    if (this.#outage) throw new Error(`${file} cannot be written`)
    // From the first moment there is a head to hold the log against.
    writeHeadNow(file, this.#head)
    this.#looking = setInterval(() => this.#look(), keepMs)
    this.#looking.unref()
  }

  get head(): Head {
    return this.#head
  }

  append(record: RequestRecord, content: RecordContent | UnplacedContent): Promise<void> {
    return this.#put(record, content)
  }

  event(event: string, details?: object): Promise<void> {
    return this.#put(this.#eventOf(event, details))
  }

  rotate(): boolean {
    if (this.#batch.length > 0) this.#commit()
    return this.#rotate()
  }

  durable(): Promise<void> {
    return this.#scheduler.durable()
  }

  configure(sync: Sync, segmentBytes = this.#segmentBytes): void {
    this.#scheduler.configure(sync)
    this.#segmentBytes = segmentBytes
  }

  writable(): boolean {
    if (this.#outage && this.#mayTry(this.#outage)) this.#commit()
    return this.#outage === undefined
  }

  async close(): Promise<void> {
    const { file, lock } = this.#options
    clearInterval(this.#looking)
    // The last chance.
    if (this.#outage) this.#outage.triedAtMs = Number.NEGATIVE_INFINITY
    this.#tell('stopped')
    this.#closed = true
    await this.#scheduler.stop()
    try {
      fdatasyncSync(this.#active.handle)
      // Another writer's head is not ours to set back.
      if (lock.keep()) writeHeadNow(file, this.#head)
    } finally {
      closeSync(this.#active.handle)
      lock.release()
    }
  }

  #put(fields: object, content?: RecordContent | UnplacedContent): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('the audit log is closed'))
      if (this.#batch.length >= maxWaiting) return reject(new Error('too many records wait to be written'))
      this.#batch.push({ fields, content, resolve, reject })
      this.#turn ??= setImmediate(() => this.#commit())
    })
  }

  #eventOf(name: string, details: object = {}): object {
    const time = new Date(this.#options.clock.wallMs()).toISOString()
    return { time, event: name, ...withoutPlace(details) }
  }

  /** What must be known before the records of this turn can be understood. */
  #forewords(): object[] {
    const words: object[] = []
    if (this.#outage) {
      const { reason, unrecorded, events, found } = this.#outage
      const gap = found.find((each) => each.event === 'gap')?.details
      words.push(this.#eventOf('gap', { ...gap, reason, unrecorded, events }))
      for (const { event: name, details } of found)
        if (name !== 'gap') words.push(this.#eventOf(name, details))
    }
    if (this.#options.clock.wallMs() < this.#atMs - setBackMs)
      words.push(this.#eventOf('clock set back', { from: new Date(this.#atMs).toISOString() }))
    return words
  }

  #fail(error: unknown, waiting: readonly QueuedRecord[] = []): void {
    const { clock, report, onGone } = this.#options
    const cause = error instanceof Error ? error : new Error(String(error))
    // Also of what this very write would have held.
    onGone?.()
    this.#outage ??= {
      reason: cause.message,
      triedAtMs: 0,
      error: undefined,
      unrecorded: 0,
      events: 0,
      found: [],
    }
    this.#outage.triedAtMs = clock.monotonicMs()
    if (this.#outage.error?.message !== cause.message) report('the audit log cannot be written', cause)
    this.#outage.error = cause
    turnAway(this.#outage, waiting)
  }

  #mayTry({ triedAtMs }: Outage): boolean {
    return this.#options.clock.monotonicMs() - triedAtMs >= retryMs
  }

  /** Before a log is written that could not be: whether it is still ours, and there. */
  #takeUp(found: Outage['found']): void {
    const { file, lock, clock, onClosed } = this.#options
    if (!lock.keep()) throw new Error(lostLock)
    if (faultOf(this.#active) === undefined) return
    const { handle, restored, ...taken } = retake(this.#active, this.#head)
    if (handle !== this.#active.handle) this.#scheduler.turnTo(handle)
    this.#head = taken.head
    this.#active = activeAt(file, handle, taken.length, this.#head)
    this.#day = dayOf(handle, clock)
    found.push(...taken.events)
    if (restored === undefined) return
    found.push({ event: 'gap', details: { restored: basename(restored) } })
    onClosed?.(restored)
  }

  /** Seals and writes what this turn of the event loop brought; behind a failure, first that there was one. */
  #commit(): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
    const waiting = this.#batch
    this.#batch = []
    if (this.#outage && !this.#mayTry(this.#outage)) {
      turnAway(this.#outage, waiting)
      return
    }
    if (today(this.#options.clock) > this.#day) this.#rotate()
    try {
      if (this.#outage) this.#takeUp(this.#outage.found)
      this.#writeAll(waiting)
    } catch (error) {
      this.#fail(error, waiting)
      return
    }
    if (this.#outage) this.#options.report('the audit log can be written again')
    this.#outage = undefined
    const onDisk = this.#scheduler.synced()
    for (const { resolve, reject } of waiting) {
      if (onDisk) onDisk.then(resolve, reject)
      else resolve()
    }
    if (this.#active.length >= this.#segmentBytes && this.#head.seq > this.#active.first) this.#rotate()
    this.#options.onWritten?.()
  }

  /** @throws what `fs` throws; then the chain ends where it did */
  #writeAll(waiting: readonly QueuedRecord[]): void {
    const lines = this.#lines
    lines.clear()
    let last = this.#head
    for (const fields of this.#forewords()) last = lines.add(fields, last)
    for (const { fields, content } of waiting) {
      const place = { seq: last.seq + 1, segment: this.#active.first }
      const salted = content && { content: placed(content, place), salt: this.#freshSalt() }
      last = lines.add(fields, last, salted)
    }
    this.#writeWhole(lines.bytes)
    this.#head = last
    this.#atMs = this.#options.clock.wallMs()
    this.#scheduler.written(this.#head)
  }

  #writeWhole(bytes: Buffer): void {
    try {
      const written = this.#write(this.#active.handle, bytes)
      if (written !== bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes were written`)
      const longer = { ...this.#active, length: this.#active.length + bytes.length }
      const now = this.#options.clock.monotonicMs()
      if (now - this.#lookedAtMs >= lookMs) {
        const fault = faultOf(longer)
        if (fault !== undefined) throw new Error(fault)
        this.#lookedAtMs = now
      }
      this.#active = longer
    } catch (error) {
      try {
        takeBack(this.#active, bytes)
      } catch {
        // Then the file ends torn, as after a crash, and is repaired like one.
      }
      throw error
    }
  }

  /** Writes an event now. Whoever writes one learns of a failure by the log not being writable. */
  #tell(name: string, details?: object): void {
    this.#put(this.#eventOf(name, details)).catch(() => {})
    this.#commit()
  }

  /** A crash between the two renames leaves no active segment; whoever opens the log then makes it. */
  #rotate(): boolean {
    const { file, clock, report, onClosed } = this.#options
    if (clock.monotonicMs() < this.#mayRotateAtMs || this.#outage || this.#active.length === 0) return false
    const { first } = this.#active
    const path = closedPath(file, first)
    try {
      // A file that is not the log's must not become a part of it.
      const fault = faultOf(this.#active)
      if (fault !== undefined) throw new Error(fault)
      this.#active = activeAt(file, changePlaces(file, path), 0, this.#head)
    } catch (error) {
      this.#mayRotateAtMs = clock.monotonicMs() + retryMs
      report('the audit log cannot start a new segment and continues in the old one', error)
      return false
    }
    this.#scheduler.turnTo(this.#active.handle)
    this.#day = today(clock)
    this.#tell('segment', { first, last: this.#head.seq })
    onClosed?.(path)
    return true
  }

  /** Also while nothing is written: that the log is gone shows before anybody asks. */
  #look(): void {
    if (this.#outage) {
      this.writable()
      return
    }
    try {
      const fault = this.#options.lock.keep() ? faultOf(this.#active) : lostLock
      if (fault !== undefined) this.#fail(new Error(fault))
    } catch (error) {
      this.#fail(error)
    }
  }
}

const lostLock = 'another gateway has taken the log over'

/** Content with its prompt, made for the place where the record stands. */
function placed(content: RecordContent | UnplacedContent, place: LogPlace): RecordContent {
  const { prompt } = content
  return { ...content, prompt: typeof prompt === 'function' ? prompt(place) : prompt }
}

/** Names that say where a record stands, or what it is, are not for whoever tells an event. */
function withoutPlace(details: object): object {
  const taken = new Set(['seq', 'time', 'event', 'content', 'prev', 'hash', 'salt', 'erased'])
  const names = Object.keys(details)
  if (!names.some((name) => taken.has(name))) return details
  return Object.fromEntries(Object.entries(details).filter(([name]) => !taken.has(name)))
}
