/**
 * One writer a log. `FILE.lock` names the process that writes. Node has no `flock`, so the lock lives from its holder:
 * the running gate touches it, makes it anew when it is gone, and stops writing when another process holds it.
 *
 * A process is known by host, process namespace, id and start time, because ids come back: in a container the gate is
 * always process 1. Whoever cannot be looked up (on another host, in another container) is watched: a holder that lives
 * touches its lock. So is a log that did not end in order and has no lock: its writer may be about to make it anew.
 * No clock is believed for any of it, because those of two hosts differ.
 */
import { readFileSync, readlinkSync, rmSync, utimesSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { randomHex } from '../../core/random.ts'
import { type LockState, lockPath, makeLock, readLock, removeLock } from '../../files/lock-file.ts'
import { endedInOrder } from '../query/tail.ts'

interface LockHolder {
  readonly host: string
  /** Boot and process namespace: a number names a process only within them. */
  readonly space: string
  readonly pid: number
  readonly started: string
}

/** How often the holder calls `keep`. */
export const keepMs = 500
/** Several times `keepMs`, for a holder on a busy machine. */
const standardPatienceMs = 3000
const lookMs = 100

/** The lock of a log, while this process holds it. */
export interface Lock {
  /** @returns false if another process holds the log. Touches the lock, and makes it anew if it is gone */
  keep(): boolean
  release(): void
}

/** What the lock must know of processes on this host. */
export interface Processes {
  readonly pid: number
  isAlive(pid: number): boolean
}

/** How other holders are judged. */
export interface LockOptions {
  readonly processes: Processes
  /** How long a holder that cannot be looked up has for a sign of life. */
  readonly patienceMs?: number | undefined
}

/** Takes the lock of a log. @throws Error if another process holds it */
export async function acquireLock(file: string, options: LockOptions): Promise<Lock> {
  const path = lockPath(file)
  const self = holderAt(options.processes.pid)
  const text = `${JSON.stringify({ ...self, mark: randomHex(8) })}\n`
  const { held, seen } = await judgeInTime(file, options)
  if (held || !(removeLock(path, seen?.state ?? '') && makeLock(path, text)))
    throw taken(file, readLock(path) ?? seen)
  return {
    keep() {
      try {
        const found = readLock(path)
        if (found?.text === text) utimesSync(path, new Date(), new Date())
        else if (judge(found, self, options.processes) !== 'dead') return false
        // Gone, or no lock any more: whoever removed it did not end this process.
        else if (removeLock(path, found?.state ?? '')) return makeLock(path, text)
      } catch {
        // A disk that is full, a folder that is gone: nobody took the lock by that.
      }
      return true
    },
    release() {
      if (readLock(path)?.text === text) rmSync(path, { force: true })
    },
  }
}

/** Whether another process writes the log now. */
export async function isLocked(file: string, options: LockOptions): Promise<boolean> {
  return (await judgeInTime(file, options)).held
}

/** Names who holds it, and no file: deleting one would only let two writers in. */
function taken(file: string, seen: LockState | undefined): Error {
  const { host, pid } = parse(seen?.text ?? '') ?? {}
  const who = pid === undefined ? '' : ` (${pid} on ${host})`
  return new Error(
    `${file} is being written by another process${who}; stop it, or give this gateway an audit.file of its own`,
  )
}

async function judgeInTime(
  file: string,
  { processes, patienceMs = standardPatienceMs }: LockOptions,
): Promise<{ readonly held: boolean; readonly seen: LockState | undefined }> {
  const self = holderAt(processes.pid)
  const path = lockPath(file)
  let before = readLock(path)
  for (let leftMs = patienceMs; ; leftMs -= lookMs) {
    const seen = readLock(path)
    const state = seen === undefined && !endedInOrder(file) ? 'unknown' : judge(seen, self, processes)
    if (state !== 'unknown') return { held: state === 'held', seen }
    if (seen && before && seen.state !== before.state) return { held: true, seen }
    if (leftMs <= 0) return { held: false, seen }
    before = seen
    await setTimeout(lookMs)
  }
}

function judge(
  seen: LockState | undefined,
  self: LockHolder,
  { isAlive }: Processes,
): 'held' | 'dead' | 'unknown' {
  const holder = seen && parse(seen.text)
  if (!holder) return 'dead'
  const { host, space, pid, started } = holder
  if (host !== self.host || space !== self.space) return 'unknown'
  if (!isAlive(pid)) return 'dead'
  // The same process may not open one log twice either.
  if (started !== startOf(pid)) return 'dead'
  // Where processes tell no start time, the number alone may have come back.
  return started === '' && pid !== self.pid ? 'unknown' : 'held'
}

function parse(text: string): LockHolder | undefined {
  try {
    const { host, space = '', pid, started = '' } = JSON.parse(text) as Partial<LockHolder>
    return typeof host === 'string' && typeof pid === 'number' ? { host, space, pid, started } : undefined
  } catch {
    return undefined
  }
}

function holderAt(pid: number): LockHolder {
  const boot = orNothing(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
  const namespace = orNothing(() => readlinkSync('/proc/self/ns/pid'))
  return { host: hostname(), space: `${boot} ${namespace}`, pid, started: startOf(pid) }
}

/** When a process started, in clock ticks since boot (proc(5), field 22); '' where there is no /proc. */
function startOf(pid: number): string {
  return orNothing(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  })
}

function orNothing(ask: () => string): string {
  try {
    return ask()
  } catch {
    return ''
  }
}
