/** `torwart attack --scenario`: an accident, played without a gateway and behind one. */
import { fileURLToPath } from 'node:url'
import { AttackClient } from '../../attack/client.ts'
import { playScenario, type ScenarioResult, scenarioText } from '../../attack/scenarios/play.ts'
import type { Scenario } from '../../attack/scenarios/scenario.ts'
import { scenarios } from '../../attack/scenarios/scenarios.ts'
import { subjectOf } from '../../attack/subject.ts'
import { loadPolicy } from '../../policy/load.ts'
import { type Io, UsageError, type Values } from '../command.ts'
import { copySource, openCopy } from './private-copy.ts'

/** Plays the scenario of a name, or all. @throws UsageError if there is none of that name */
export async function runScenario(name: string, values: Values, io: Io): Promise<0> {
  const chosen = name === 'all' ? scenarios : scenarios.filter((each) => each.name === name)
  if (chosen.length === 0)
    throw new UsageError(
      `--scenario must be one of ${[...scenarios.map((each) => each.name), 'all'].join(', ')}.`,
    )
  const played: (ScenarioResult & { name: string })[] = []
  for (const scenario of chosen) {
    const result = await playWithItsPolicy(scenario, io)
    played.push({ name: scenario.name, ...result })
    if (!values.json) io.out(`${scenarioText(scenario, result)}\n`)
  }
  if (values.json) io.out(`${JSON.stringify({ scenarios: played })}\n`)
  return 0
}

async function playWithItsPolicy(scenario: Scenario, io: Io): Promise<ScenarioResult> {
  const file = fileURLToPath(
    new URL(`../../../config/attacks/scenarios/${scenario.name}.yaml`, import.meta.url),
  )
  const { policy } = loadPolicy(file, {})
  const [role] = policy.roles.values()
  if (role === undefined) throw new TypeError(`${file} has no role`)
  const opened = await openCopy(copySource(file, policy, io), true, [])
  const client = new AttackClient()
  try {
    return await playScenario(scenario, { opened, subject: subjectOf(policy, role), client })
  } finally {
    client.close()
    await opened.close()
  }
}
