/** Runs a plan by what confines here. */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { arch } from 'node:os'
import { printDuration, printSize } from '../../core/units.ts'
import { maxMemory, maxStream } from '../../sandbox/bounds.ts'
import { bubblewrap } from '../../sandbox/bubblewrap.ts'
import { chooseConfinement } from '../../sandbox/choose.ts'
import type { Confinement, Folders } from '../../sandbox/confinement.ts'
import { container } from '../../sandbox/container.ts'
import { type Outcome, runConfined, type Stop, type Streams } from '../../sandbox/run.ts'
import { systemCallFilter } from '../../sandbox/seccomp.ts'
import type { Io } from '../command.ts'
import type { Plan } from './plan.ts'

/** As of `timeout`: the time was over. */
const timedOut = 124
/** As of `timeout`, `env` and `docker run`: not run, or stopped by a bound. */
export const notRun = 125

/** How a run ended. */
export interface Run extends Omit<Outcome, 'code'> {
  /** Exit code of `torwart sandbox`. */
  readonly exit: number
}

/** Runs a plan, and says on standard error how it ended. @throws SandboxProblem if it was not run */
export async function confine({ command, folders, timeoutMs }: Plan, streams: Streams, io: Io): Promise<Run> {
  const variables = ownVariables(io)
  const confinement = await chooseConfinement(candidatesFor(folders), variables)
  const outcome = await runConfined(confinement, {
    ...{ command, timeoutMs, streams, variables },
    onStart(stop) {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) io.on(signal, () => stop('signal'))
    },
  })
  io.err(`sandbox: ${report(confinement, outcome, timeoutMs)}\n`)
  return { exit: exitCodeOf(outcome), stoppedBy: outcome.stoppedBy, ms: outcome.ms }
}

function candidatesFor(folders: Folders): readonly Confinement[] {
  const id = randomBytes(8).toString('hex')
  const filter = systemCallFilter(arch())
  const containers = [container('docker', folders, id), container('podman', folders, id)]
  if (filter === undefined) return containers
  // Not `userInfo`, which fails for a user without a name.
  const isRoot = statSync('/proc/self').uid === 0
  return [bubblewrap(folders, filter, isRoot), ...containers]
}

/** Returns what the programs that confine need of the environment. */
function ownVariables({ variables }: Io): NodeJS.ProcessEnv {
  const names = ['HOME', 'XDG_RUNTIME_DIR', 'DOCKER_HOST', 'DOCKER_CONFIG', 'DOCKER_CONTEXT']
  return {
    // Not the caller's: what confines must not be found in a folder of somebody else's.
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...Object.fromEntries(names.flatMap((name) => (variables[name] ? [[name, variables[name]]] : []))),
  }
}

function exitCodeOf({ code, stoppedBy }: Outcome): number {
  if (stoppedBy === 'time') return timedOut
  return stoppedBy === undefined ? code : notRun
}

function report({ name }: Confinement, { code, stoppedBy, ms }: Outcome, timeoutMs: number): string {
  if (stoppedBy === undefined) return `${name}, exit code ${code}, ${ms} ms`
  const reasons: Readonly<Record<Stop, string>> = {
    time: `took longer than ${printDuration(timeoutMs)}`,
    input: `standard input is over ${printSize(maxStream)}`,
    output: `output is over ${printSize(maxStream)} and was cut`,
    memory: `used more than ${printSize(maxMemory)}`,
    signal: 'a signal came',
  }
  return `${name}, stopped after ${ms} ms: ${reasons[stoppedBy]}`
}
