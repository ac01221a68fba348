/** What is run in a sandbox: a command of the command line, or a tool with its profile, which flags can only narrow. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseDuration, printDuration } from '../../core/units.ts'
import { locateAudit, locateKeys, openPolicy } from '../../policy/locate.ts'
import type { Policy } from '../../policy/policy.ts'
import { defaultTimeoutMs } from '../../sandbox/bounds.ts'
import { type Folders, SandboxProblem } from '../../sandbox/confinement.ts'
import { allowedFolder } from '../../sandbox/folders.ts'
import { narrowedFolders } from '../../sandbox/narrow.ts'
import { configOption, type Io, textOf, textsOf, UsageError, type Values } from '../command.ts'

const longestMs = 3_600_000

/** What is run, and what it gets. */
export interface Plan {
  readonly command: readonly string[]
  readonly folders: Folders
  readonly timeoutMs: number
}

/** Returns the policy file of the command line, or else the standard one. */
export function policyFile(values: Values): string {
  return textOf(values, 'config') || (configOption.standard ?? '')
}

/** Plans a command with what the flags give. @throws UsageError, SandboxProblem, PolicyError */
export function planCommand(command: readonly string[], values: Values, io: Io): Plan {
  if (command.length === 0) throw new UsageError('Name the command, after `--`.')
  const timeoutMs = timeoutOf(values) ?? defaultTimeoutMs
  return { command, folders: allowed(askedIn(values), values, io), timeoutMs }
}

/**
 * Plans a tool with its profile.
 * @param command of the command line; empty: that of the profile
 * @throws UsageError, PolicyError, and SandboxProblem if it has no profile, or flags ask for more than its profile gives
 */
export function planTool(
  tool: string,
  command: readonly string[],
  policy: Policy,
  values: Values,
  io: Io,
): Plan {
  const profile = policy.sandbox.get(tool)
  if (profile === undefined)
    throw new SandboxProblem('`sandbox` of the policy has no profile for this tool, so it was not run.')
  if (profile.command.length > 0 && command.length > 0)
    throw new SandboxProblem('the profile names the command of this tool, so no other was run.')
  const words = profile.command.length > 0 ? profile.command : command
  if (words.length === 0)
    throw new SandboxProblem('the profile of this tool has no `command`, so nothing was run.')
  const folders = narrowedFolders(allowed(profile, values, io), allowed(askedIn(values), values, io))
  const timeoutMs = timeoutOf(values) ?? profile.timeoutMs
  if (timeoutMs > profile.timeoutMs)
    throw new SandboxProblem(
      `--timeout is more than the ${printDuration(profile.timeoutMs)} of this tool’s profile.`,
    )
  return { command: words, folders, timeoutMs }
}

/** @throws UsageError */
function timeoutOf(values: Values): number | undefined {
  const written = textOf(values, 'timeout')
  if (written === '') return undefined
  const ms = parseDuration(written)
  if (ms === undefined || ms === 0 || ms > longestMs)
    throw new UsageError('--timeout must be a duration such as 30s, at most 1h.')
  return ms
}

function askedIn(values: Values): Folders {
  return { read: textsOf(values, 'allowRead'), write: textsOf(values, 'allowWrite') }
}

/** @throws SandboxProblem, PolicyError */
function allowed({ read, write }: Folders, values: Values, io: Io): Folders {
  if (read.length + write.length === 0) return { read, write }
  const own = ownPaths(values, io)
  return {
    read: read.map((path) => allowedFolder(path, 'read', own)),
    write: write.map((path) => allowedFolder(path, 'write', own)),
  }
}

/** Returns what belongs to the gateway: the folders of keys and audit log, the policy, the files with secrets that it names. */
function ownPaths(values: Values, io: Io): readonly string[] {
  const config = policyFile(values)
  // A host that only runs tools has no policy.
  if (textOf(values, 'config') === '' && !existsSync(config)) return []
  const { secretFiles } = openPolicy(config, io.variables)
  const folders = [locateKeys(config, io.variables), locateAudit(config, io.variables)].map(dirname)
  return [config, ...folders, ...secretFiles]
}
