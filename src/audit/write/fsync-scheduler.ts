/**
 * What happens to a record behind write(2), away from the event loop: fdatasync as the policy says, and the
 * head that follows.
 */
import { close, closeSync, fdatasync } from 'node:fs'
import { promisify } from 'node:util'
import type { Head } from './chain.ts'
import { writeHead } from './head.ts'

export type Sync = 'each' | 'group' | 'none'

export interface FsyncScheduler {
  /** `head` is with the kernel now. */
  written(head: Head): void
  /** With `each`: resolves when what is written is on the disk, and rejects if it cannot be. Else at once. */
  synced(): Promise<void> | undefined
  /** Resolves when all that is written is on the disk, whatever the policy says of records. */
  durable(): Promise<void>
  /** What is written from now on goes to another file; the one before is synced and closed. */
  turnTo(handle: number): void
  configure(sync: Sync): void
  /** No more timers, and whatever was under way is over. */
  stop(): Promise<void>
}

const syncWithinMs = 20
/** How far the head may lag behind: it then shows less than there is, never more. */
const headWithinMs = 250
const retryMs = 1000

export function createFsyncScheduler(
  file: string,
  opened: number,
  start: { readonly head: Head; readonly sync: Sync },
  report: (problem: string, error: unknown) => void,
  /** For tests. */
  datasync: (handle: number) => Promise<void> = promisify(fdatasync),
): FsyncScheduler {
  let { head, sync } = start
  let handle = opened
  let onDisk = head
  let inHead = head
  let left: number[] = []
  const flush = oneAtATime(async () => {
    const target = head
    const [current, before] = [handle, left]
    // In the order in which they were written, or a crash could keep a record and lose the one before it.
    for (const each of before) {
      if (sync !== 'none') await datasync(each)
      left = left.filter((other) => other !== each)
      await closeFile(each)
    }
    if (sync !== 'none') await datasync(current)
    onDisk = target
  })
  const moveHead = oneAtATime(async () => {
    const target = onDisk
    await writeHead(file, target)
    inHead = target
  })
  const disk = repeatWhile(
    syncWithinMs,
    () => onDisk.seq < head.seq,
    flush,
    (error) => report('the audit log cannot be synced', error),
  )
  const headFile = repeatWhile(
    headWithinMs,
    () => inHead.seq < onDisk.seq || onDisk.seq < head.seq,
    moveHead,
    (error) => report('cannot write the head of the audit log', error),
  )

  const untilOnDisk = async (seq: number) => {
    while (onDisk.seq < seq) await flush()
  }
  return {
    written(written) {
      head = written
      disk.soon()
      headFile.soon()
    },
    synced: () => (sync === 'each' ? untilOnDisk(head.seq) : undefined),
    async durable() {
      const { seq } = head
      await untilOnDisk(seq)
      if (sync === 'none') await datasync(handle)
    },
    turnTo(next) {
      left.push(handle)
      handle = next
    },
    configure(next) {
      sync = next
    },
    async stop() {
      disk.stop()
      headFile.stop()
      await Promise.allSettled([flush.running(), moveHead.running()])
      for (const each of left.splice(0)) closeSync(each)
    },
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

/** Does the work some time after `soon`, and again for as long as there is need; after a failure more slowly. */
function repeatWhile(
  everyMs: number,
  needed: () => boolean,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
) {
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
    soon,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
