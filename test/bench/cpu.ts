/** CPU time and memory of a process, as Linux counts them (proc(5)). */
import { readdirSync, readFileSync } from 'node:fs'

/** Linux reports user and system time in units of a hundredth of a second. */
const ticksPerSecond = 100

/** User and system seconds so far; undefined where there is no `/proc`. */
export function cpuSeconds(pid: number): number | undefined {
  const ticks = ticksOf(pid)
  return ticks && (ticks.user + ticks.system) / ticksPerSecond
}

/** What share of its CPU time a process has spent in the kernel, from two readings of `ticksOf`. */
export function systemShare(before: Ticks | undefined, after: Ticks | undefined): number {
  if (!before || !after) return Number.NaN
  const [user, system] = [after.user - before.user, after.system - before.system]
  return system / (user + system)
}

/** CPU time of a process in ticks of 10 ms. */
export interface Ticks {
  readonly user: number
  readonly system: number
}

/** Reads user and system time of a process; undefined where there is no `/proc`. */
export function ticksOf(pid: number): Ticks | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
    return { user: Number(fields[11]), system: Number(fields[12]) }
  } catch {
    return undefined
  }
}

/** Microseconds of CPU of all threads so far, as the scheduler counts them: exact enough for rounds of half a second. */
export function cpuMicros(pid: number): number {
  let nanos = 0
  for (const thread of threadsOf(pid)) {
    try {
      nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    } catch {
      // A thread that has ended meanwhile.
    }
  }
  return nanos > 0 ? nanos / 1000 : Number.NaN
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** Resident memory in MiB; undefined where there is no `/proc`. */
export function residentMiB(pid: number): number | undefined {
  try {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return kib === undefined ? undefined : Number(kib) / 1024
  } catch {
    return undefined
  }
}
