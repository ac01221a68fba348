/**
 * One writer a log. `FILE.lock` names the process that writes; a lock whose process is gone is taken over.
 *
 * A process is known by host, id and start time, because ids come back: in a container the gate is always
 * process 1. A lock from another host cannot be checked and is believed until its file is ten seconds old;
 * the holder touches it every two.
 */
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'

interface Holder {
  readonly host: string
  readonly pid: number
  readonly started: string
}

const freshMs = 10_000
const touchMs = 2_000

export interface Lock {
  release(): void
}

/** What the lock must know of processes on this host. */
export interface Processes {
  readonly pid: number
  isAlive(pid: number): boolean
}

/** @throws Error if another process holds it */
export function lockFile(file: string, processes: Processes): Lock {
  const path = `${file}.lock`
  const self: Holder = { host: hostname(), pid: processes.pid, started: startOf(processes.pid) }
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = openSync(path, 'wx', 0o600)
      writeSync(handle, `${JSON.stringify(self)}\n`)
      closeSync(handle)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 0) throw error
    }
    if (!takeOver(path, self, processes))
      throw new Error(
        `${file} is being written by another process (see ${path}); every gateway needs its own`,
      )
  }
  const touch = setInterval(() => {
    const now = new Date()
    try {
      utimesSync(path, now, now)
    } catch {
      // Somebody removed it; the log goes on, and the next writer will see the chain move under it.
    }
  }, touchMs)
  touch.unref()
  return {
    release() {
      clearInterval(touch)
      try {
        unlinkSync(path)
      } catch {
        // gone already
      }
    },
  }
}

/** Whether another process writes the log now. */
export function isLocked(file: string, processes: Processes): boolean {
  const path = `${file}.lock`
  const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  if (since === undefined) return false
  const self: Holder = { host: hostname(), pid: processes.pid, started: '' }
  return isHeld(readFileSync(path, 'utf8'), Date.now() - since, self, processes)
}

/** Removes a lock that nobody holds any more. @returns false if somebody does */
function takeOver(path: string, self: Holder, processes: Processes): boolean {
  const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  // Released in this moment.
  if (since === undefined) return true
  const text = readFileSync(path, 'utf8')
  if (isHeld(text, Date.now() - since, self, processes)) return false
  // Of several who judged the same lock only one gets it aside; whoever got a fresh one instead puts it back.
  const aside = `${path}.${self.pid}`
  renameSync(path, aside)
  const stale = readFileSync(aside, 'utf8') === text
  if (!stale) linkSync(aside, path)
  unlinkSync(aside)
  return stale
}

function isHeld(text: string, ageMs: number, self: Holder, { isAlive }: Processes): boolean {
  let holder: Partial<Holder>
  try {
    holder = JSON.parse(text) as Partial<Holder>
  } catch {
    // Just being written, or left by a crash in that moment.
    return ageMs < freshMs
  }
  if (holder.host !== self.host) return ageMs < freshMs
  if (typeof holder.pid !== 'number') return false
  // The same process may not open one log twice either.
  return isAlive(holder.pid) && startOf(holder.pid) === holder.started
}

/** When a process started, in clock ticks since boot (proc(5), field 22); '' where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
