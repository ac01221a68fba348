/**
 * What happens to a record behind write(2), away from the event loop: fdatasync as the policy says, and the
 * head that follows.
 */
import { close, closeSync, fdatasync } from 'node:fs'
import { promisify } from 'node:util'
import type { Head } from './chain.ts'
import { writeHead } from './head.ts'

/** When records are synced: each before it is answered for, several together, or never. */
export type Sync = 'each' | 'group' | 'none'

/** Syncs a log and moves its head. */
export interface FsyncScheduler {
  /** Is told where the chain ends with the kernel now. */
  written(head: Head): void
  /** Resolves, with `each`, when what is written is on the disk, and rejects if it cannot be; undefined otherwise. */
  synced(): Promise<void> | undefined
  /** Resolves when all that is written is on the disk, whatever the policy says of records. */
  durable(): Promise<void>
  /** Is told that what is written from now on goes to another file; the one before is synced and closed. */
  turnTo(handle: number): void
  configure(sync: Sync): void
  /** Ends all timers, and resolves when what was under way is over. */
  stop(): Promise<void>
}

const syncWithinMs = 20
/** How far the head may lag behind: it then shows less than there is, never more. */
const headWithinMs = 250
const retryMs = 1000

/** What a scheduler is made from. */
export interface FsyncSchedulerOptions {
  /** The log, beside which the head is written. */
  readonly file: string
  /** The open segment. */
  readonly handle: number
  /** Where the chain ends on the disk. */
  readonly head: Head
  readonly sync: Sync
  /** Told of every failure. */
  report(problem: string, error: unknown): void
  /** For tests: what stands in for `fs.fdatasync`. */
  readonly datasync?: ((handle: number) => Promise<void>) | undefined
}

/** Makes a scheduler that has nothing to do yet. */
export function createFsyncScheduler(options: FsyncSchedulerOptions): FsyncScheduler {
  return new Scheduler(options)
}

class Scheduler implements FsyncScheduler {
  readonly #file: string
  readonly #datasync: (handle: number) => Promise<void>
  #sync: Sync
  #handle: number
  /** Files that were turned away from, and are not closed yet. */
  #left: number[] = []
  /** Where the chain ends: with the kernel, on the disk, and as the file of the head says. */
  #head: Head
  #onDisk: Head
  #inHead: Head
  readonly #flush = oneAtATime(() => this.#syncFiles())
  readonly #moveHead = oneAtATime(() => this.#writeHead())
  readonly #disk: Repetition
  readonly #headFile: Repetition

  constructor({ file, handle, head, sync, report, datasync = promisify(fdatasync) }: FsyncSchedulerOptions) {
    this.#file = file
    this.#handle = handle
    this.#sync = sync
    this.#datasync = datasync
    this.#head = head
    this.#onDisk = head
    this.#inHead = head
    this.#disk = repeatWhile(
      syncWithinMs,
      () => this.#onDisk.seq < this.#head.seq,
      this.#flush,
      (error) => report('the audit log cannot be synced', error),
    )
    this.#headFile = repeatWhile(
      headWithinMs,
      () => this.#inHead.seq < this.#onDisk.seq || this.#onDisk.seq < this.#head.seq,
      this.#moveHead,
      (error) => report('cannot write the head of the audit log', error),
    )
  }

  written(head: Head): void {
    this.#head = head
    this.#disk.soon()
    this.#headFile.soon()
  }

  synced(): Promise<void> | undefined {
    return this.#sync === 'each' ? this.#untilOnDisk(this.#head.seq) : undefined
  }

  async durable(): Promise<void> {
    const { seq } = this.#head
    await this.#untilOnDisk(seq)
    if (this.#sync === 'none') await this.#datasync(this.#handle)
  }

  turnTo(handle: number): void {
    this.#left.push(this.#handle)
    this.#handle = handle
  }

  configure(sync: Sync): void {
    this.#sync = sync
  }

  async stop(): Promise<void> {
    this.#disk.stop()
    this.#headFile.stop()
    await Promise.allSettled([this.#flush.running(), this.#moveHead.running()])
    for (const each of this.#left.splice(0)) closeSync(each)
  }

  async #untilOnDisk(seq: number): Promise<void> {
    while (this.#onDisk.seq < seq) await this.#flush()
  }

  async #syncFiles(): Promise<void> {
    const target = this.#head
    const [current, before] = [this.#handle, this.#left]
    // In the order in which they were written, or a crash could keep a record and lose the one before it.
    for (const each of before) {
      if (this.#sync !== 'none') await this.#datasync(each)
      this.#left = this.#left.filter((other) => other !== each)
      await closeFile(each)
    }
    if (this.#sync !== 'none') await this.#datasync(current)
    this.#onDisk = target
  }

  async #writeHead(): Promise<void> {
    const target = this.#onDisk
    await writeHead(this.#file, target)
    this.#inHead = target
  }
}

const closeFile = promisify(close)

/** Calls that come while one runs wait for it and share its outcome. */
function oneAtATime(work: () => Promise<void>) {
  let running: Promise<void> | undefined
  const run = () => {
    running ??= work().finally(() => {
      running = undefined
    })
    return running
  }
  return Object.assign(run, { running: () => running })
}

interface Repetition {
  /** Does the work after a while, unless that is due already. */
  soon(): void
  stop(): void
}

/** Does the work some time after `soon`, and again for as long as there is need; after a failure more slowly. */
function repeatWhile(
  everyMs: number,
  needed: () => boolean,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): Repetition {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const soon = (inMs = everyMs) => {
    if (stopped || timer) return
    timer = setTimeout(() => {
      work().then(
        () => again(everyMs),
        (error: unknown) => {
          onError(error)
          again(retryMs)
        },
      )
    }, inMs)
    timer.unref()
  }
  const again = (inMs: number) => {
    timer = undefined
    if (needed()) soon(inMs)
  }
  return {
    soon: () => soon(),
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
