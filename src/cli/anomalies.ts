/** `torwart anomalies`: what keys and models do that they usually do not; with `-f`, also what comes. */
import { loadPolicy } from '../policy/load.ts'
import { adminOption, type Command, configOption, type ExitCode, jsonOption, textOf } from './command.ts'
import { anomalyInWords, type ListedAnomalies, learningInWords, listAnomalies } from './shared/anomalies.ts'
import { untilInterrupted } from './shared/until-interrupted.ts'

const lookMs = 1000

/** The command `torwart anomalies`. */
export const anomalies: Command = {
  options: [
    configOption,
    { flags: '-f, --follow', description: 'keep showing what begins and ends, until Ctrl-C' },
    adminOption,
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    if (policy.anomalies.mode === 'off')
      io.err('The policy has `anomalies: { mode: off }`: nothing is watched.\n')
    const wait = values.follow ? untilInterrupted(io, lookMs) : undefined
    const shown = new Map<string, string>()
    let last: ListedAnomalies | undefined
    // A gateway that is away is told of once.
    let isAway = false
    do {
      const listed = await listAnomalies(values, isAway ? { ...io, err() {} } : io, policy)
      isAway = !listed
      if (!listed && !wait) return 1
      const isFirst = last === undefined
      last = listed ?? last
      if (!last) continue
      if (!wait) io.out(values.json ? `${JSON.stringify(last)}\n` : inWords(last))
      else for (const line of changes(last, shown, isFirst)) io.out(values.json ? line.json : line.text)
    } while (await wait?.())
    return last === undefined || last.anomalies.some(({ state }) => state === 'open') ? 1 : 0
  },
}

function inWords({ anomalies: all, learning }: ListedAnomalies): string {
  const lines = [...all.map(anomalyInWords), ...learning.map(learningInWords)]
  const isClean = all.every(({ state }) => state !== 'open')
  if (isClean) lines.unshift('Nothing is unusual.')
  return `${lines.join('\n')}\n`
}

/** Lists what was not shown yet; at first only what is open. */
function changes({ anomalies: all }: ListedAnomalies, shown: Map<string, string>, isFirst: boolean) {
  return all.flatMap((anomaly) => {
    const { id, state } = anomaly
    if (shown.get(id) === state) return []
    shown.set(id, state)
    if (isFirst && state === 'over') return []
    return [{ json: `${JSON.stringify(anomaly)}\n`, text: `${anomalyInWords(anomaly)}\n` }]
  })
}
