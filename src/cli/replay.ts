/** `torwart replay`: judges recorded requests by another policy, before it is taken into use. */
import { segmentsOf } from '../audit/write/segments.ts'
import { table } from '../core/table.ts'
import { replay as replayLog } from '../pipeline/replay/replay.ts'
import type { Change, ReplayReport } from '../pipeline/replay/report.ts'
import { createScanners, createScanning } from '../pipeline/request/scan-cache.ts'
import { loadPolicy } from '../policy/load.ts'
import { loadPacks } from '../policy/packs.ts'
import type { Policy } from '../policy/policy.ts'
import { createLog } from '../telemetry/log.ts'
import {
  type Command,
  configOption,
  type ExitCode,
  type Io,
  jsonOption,
  textOf,
  UsageError,
  type Values,
} from './command.ts'
import { logFile, momentOption } from './shared/audit-log.ts'
import { sinceOption } from './shared/audit-query.ts'
import { progressOf } from './shared/progress.ts'

/** The command `torwart replay`. */
export const replay: Command = {
  options: [
    configOption,
    { flags: '--policy <file>', description: 'policy to judge by', required: true },
    { flags: '--log <file>', description: 'audit log; default: the one of the policy in force' },
    sinceOption,
    { flags: '--strict', description: 'exit with 1 if a request that passed would be refused' },
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const { policy } = loadPolicy(textOf(values, 'policy'), io.variables)
    const before = policyInForce(values, io)
    const given = textOf(values, 'log')
    const file = given === '' ? logFile(values, io) : given
    if (segmentsOf(file).length === 0) throw new UsageError(`There is no log ${file}.`)
    const sinceMs = momentOption(values, 'since')
    const progress = progressOf(io, 'requests')
    const report = await replayLog({
      ...{ file, policy, before },
      scanningFor: createScanning(createScanners(loadPacks())),
      log: createLog('warn', { write: io.err }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      onProgress: progress.tell,
    }).finally(progress.end)
    io.out(values.json ? `${JSON.stringify(report)}\n` : inWords(report))
    return values.strict && report.nowRefused.length > 0 ? 1 : 0
  },
}

/** A log may come from another machine, on which there is none. */
function policyInForce(values: Values, io: Io): Policy | undefined {
  try {
    return loadPolicy(textOf(values, 'config'), io.variables).policy
  } catch (error) {
    if (textOf(values, 'log') === '') throw error
    return undefined
  }
}

const widest = 100
const columns = ['count', 'code', 'role', 'key', 'rule', 'example'] as const

function inWords({
  judged,
  unknown,
  masked,
  nowRefused,
  nowAllowed,
  unknownBecause,
  notJudged,
}: ReplayReport): string {
  const list = (title: string, changes: readonly Change[]) =>
    changes.length === 0
      ? `${title}: none\n`
      : `${title}:\n${table(
          columns,
          changes.map((each) => ({ ...each })),
          widest,
        )}`
  const reasons = unknownBecause.map(({ why, count, example }) => `  ${count}  ${why} (such as ${example})\n`)
  return [
    `${judged} requests judged, ${masked} of them by their masked texts; ${unknown} unknown.\n`,
    list('Now refused', nowRefused),
    list('Now allowed', nowAllowed),
    ...(reasons.length > 0 ? [`Unknown:\n${reasons.join('')}`] : []),
    `Taken to be as it was: ${notJudged.join('; ')}.\n`,
  ].join('\n')
}
