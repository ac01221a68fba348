/** `torwart sandbox`: runs a tool of an agent confined, or not at all. */
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { arch } from 'node:os'
import { dirname } from 'node:path'
import { parseDuration, printDuration, printSize } from '../core/units.ts'
import { defaultTimeoutMs, maxMemory, maxStream } from '../sandbox/bounds.ts'
import { bubblewrap } from '../sandbox/bubblewrap.ts'
import { chooseConfinement } from '../sandbox/choose.ts'
import { type Confinement, type Folders, SandboxProblem } from '../sandbox/confinement.ts'
import { container } from '../sandbox/container.ts'
import { allowedFolder } from '../sandbox/folders.ts'
import { type Outcome, runConfined, type Stop } from '../sandbox/run.ts'
import { systemCallFilter } from '../sandbox/seccomp.ts'
import { type Command, configOption, type Io, textOf, textsOf, UsageError, type Values } from './command.ts'

/** As of `timeout`: the time was over. */
const timedOut = 124
/** As of `timeout`, `env` and `docker run`: not run, or stopped by a bound. */
const notRun = 125
const longestMs = 3_600_000

/** The command `torwart sandbox`. */
export const sandbox: Command = {
  argument: '<command...>',
  options: [
    { flags: '--timeout <duration>', description: 'time it may take, at most 1h; default: 30s' },
    { flags: '--allow-read <dir...>', description: 'folder that it may read' },
    { flags: '--allow-write <dir...>', description: 'folder that it may read and write' },
    { flags: '--allow-host <host:port...>', description: 'not possible yet: refused' },
    {
      flags: configOption.flags,
      description: 'policy of the gateway, whose keys, log and secrets no command may see',
    },
  ],
  async run(values, io, ...command): Promise<number> {
    if (values.allowHost !== undefined)
      throw new UsageError('--allow-host is not possible yet: a confined command has no network at all.')
    const timeoutMs = timeoutOf(values)
    const variables = ownVariables(io)
    try {
      const folders = await foldersOf(values, io)
      const confinement = await chooseConfinement(candidatesFor(folders), variables)
      const outcome = await runConfined(confinement, {
        command,
        timeoutMs,
        streams: { input: io.input, out: (text) => io.out(text), err: (text) => io.err(text) },
        variables,
        onStart(stop) {
          for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) io.on(signal, () => stop('signal'))
        },
      })
      io.err(`sandbox: ${report(confinement, outcome, timeoutMs)}\n`)
      return exitCodeOf(outcome)
    } catch (error) {
      if (!(error instanceof SandboxProblem)) throw error
      io.err(`sandbox: ${error.message}\n`)
      return notRun
    }
  },
}

/** @throws UsageError */
function timeoutOf(values: Values): number {
  const written = textOf(values, 'timeout')
  const ms = written === '' ? defaultTimeoutMs : parseDuration(written)
  if (ms === undefined || ms === 0 || ms > longestMs)
    throw new UsageError('--timeout must be a duration such as 30s, at most 1h.')
  return ms
}

/** @throws SandboxProblem, PolicyError */
async function foldersOf(values: Values, io: Io): Promise<Folders> {
  const read = textsOf(values, 'allowRead')
  const write = textsOf(values, 'allowWrite')
  if (read.length + write.length === 0) return { read, write }
  const own = await ownPaths(textOf(values, 'config'), io)
  return {
    read: read.map((path) => allowedFolder(path, 'read', own)),
    write: write.map((path) => allowedFolder(path, 'write', own)),
  }
}

/** Returns what belongs to the gateway: the folders of keys and audit log, the policy, the files with secrets that it names. */
async function ownPaths(named: string, io: Io): Promise<readonly string[]> {
  const config = named || (configOption.standard ?? '')
  // A host that only runs tools has no policy.
  if (named === '' && !existsSync(config)) return []
  const { locateAudit, locateKeys, openPolicy } = await import('../policy/locate.ts')
  const { secretFiles } = openPolicy(config, io.variables)
  const folders = [locateKeys(config, io.variables), locateAudit(config, io.variables)].map(dirname)
  return [config, ...folders, ...secretFiles]
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
