/** `torwart sandbox`: runs a tool of an agent confined, or not at all. */
import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import type { Policy } from '../policy/policy.ts'
import { SandboxProblem } from '../sandbox/confinement.ts'
import type { Streams } from '../sandbox/run.ts'
import { readToolCall } from '../sandbox/tool-call.ts'
import { type Command, configOption, type Io, textOf, UsageError, type Values } from './command.ts'
import { confine, notRun, type Run } from './sandbox/confine.ts'
import { type Plan, planCommand, planTool, policyFile } from './sandbox/plan.ts'

/** The command `torwart sandbox`. */
export const sandbox: Command = {
  argument: '[command...]',
  options: [
    { flags: '--tool <name>', description: 'tool whose profile in the policy says what it gets' },
    {
      flags: '--json',
      description: 'read one tool call as JSON, run the command of its profile, print the result as JSON',
    },
    { flags: '--timeout <duration>', description: 'time it may take, at most 1h; default: 30s' },
    { flags: '--allow-read <dir...>', description: 'folder that it may read' },
    { flags: '--allow-write <dir...>', description: 'folder that it may read and write' },
    { flags: '--allow-host <host:port...>', description: 'not possible yet: refused' },
    {
      flags: configOption.flags,
      description:
        'policy of the gateway, whose keys, log and secrets no command may see; puts runs on record',
    },
  ],
  async run(values, io, ...command): Promise<number> {
    requireOne(values, command)
    try {
      if (values.json === true) return await answerCall(values, io)
      const tool = textOf(values, 'tool')
      const isNamed = tool !== '' || textOf(values, 'config') !== ''
      const policy = isNamed ? await loadOwn(values, io) : undefined
      const plan =
        policy && tool ? planTool(tool, command, policy, values, io) : planCommand(command, values, io)
      const { exit } = await runOnRecord(plan, tool || null, policy, streamsOf(io), io)
      return exit
    } catch (error) {
      return refusalOf(error, io)
    }
  },
}

/** @throws UsageError */
function requireOne(values: Values, command: readonly string[]): void {
  if (values.allowHost !== undefined)
    throw new UsageError('--allow-host is not possible yet: a confined command has no network at all.')
  if (values.tool === '') throw new UsageError('--tool needs a name.')
  if (values.json === true && (values.tool !== undefined || command.length > 0))
    throw new UsageError('With --json, the tool call names the tool and its profile the command.')
}

/** @throws PolicyError, and SandboxProblem if its log cannot be written */
async function loadOwn(values: Values, io: Io): Promise<Policy> {
  const { loadPolicy } = await import('../policy/load.ts')
  const { policy } = loadPolicy(policyFile(values), io.variables)
  try {
    accessSync(dirname(policy.audit.file), constants.W_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    // It is made with the first record.
    if (code !== 'ENOENT')
      throw new SandboxProblem(`the run could not be put on record, so there was none (${code}).`)
  }
  return policy
}

function streamsOf(io: Io): Streams {
  return { input: io.input, out: (text) => io.out(text), err: (text) => io.err(text) }
}

/** @throws SandboxProblem if it was not run, and what keeps it from being recorded */
async function runOnRecord(
  plan: Plan,
  tool: string | null,
  policy: Policy | undefined,
  streams: Streams,
  io: Io,
): Promise<Run> {
  const run = await confine(plan, streams, io)
  if (policy !== undefined) {
    const { putOnRecord } = await import('./shared/operator-event.ts')
    const { exit, ms, stoppedBy = null } = run
    await putOnRecord('sandbox run', { tool, exit, ms, stoppedBy }, policy, io)
  }
  return run
}

/** Runs the tool of one call, and prints its result once the run is on record. */
async function answerCall(values: Values, io: Io): Promise<number> {
  let name: string | null = null
  const printed = { stdout: '', stderr: '' }
  const answer = (exit: number, stoppedBy?: Run['stoppedBy']) => {
    const ok = exit === 0 && stoppedBy === undefined
    const ends = { truncated: stoppedBy === 'output', timedOut: stoppedBy === 'time' }
    io.out(`${JSON.stringify({ name, ok, exit, ...printed, ...ends })}\n`)
    return exit
  }
  try {
    const call = await readToolCall(io.input)
    name = call.name
    const policy = await loadOwn(values, io)
    const plan = planTool(name, [], policy, values, io)
    const streams: Streams = {
      // Never part of a command line: what a model writes must not become a flag or a path of it.
      input: Readable.from([Buffer.from(call.arguments)]),
      out: (text) => {
        printed.stdout += text
      },
      err: (text) => {
        printed.stderr += text
      },
    }
    const { exit, stoppedBy } = await runOnRecord(plan, name, policy, streams, io)
    return answer(exit, stoppedBy)
  } catch (error) {
    const exit = refusalOf(error, io)
    // The model reads it, so it says nothing of this host.
    printed.stderr = 'The tool was not run.'
    return answer(exit)
  }
}

/** Tells why nothing was run. @returns the exit code. @throws error if it is no such reason */
function refusalOf(error: unknown, io: Io): number {
  if (!(error instanceof SandboxProblem)) throw error
  io.err(`sandbox: ${error.message}\n`)
  return notRun
}
