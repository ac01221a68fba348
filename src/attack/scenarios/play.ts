/** Plays a scenario on both sides, and says what has happened on each. */
import type { AttackClient } from '../client.ts'
import { startObservedServers } from '../observed-server.ts'
import type { OpenStage } from '../run.ts'
import type { Stage } from '../stage.ts'
import type { Subject } from '../subject.ts'
import type { Scenario } from './scenario.ts'
import { createSide, model } from './side.ts'

/** What has happened on one side. */
export interface SideResult {
  readonly lines: readonly string[]
  /** As it was measured. */
  readonly damage: string
}

/** What has happened on both. */
export interface ScenarioResult {
  readonly without: SideResult
  readonly with: SideResult
}

/** Where a scenario is played. */
export interface ScenarioPlaces {
  /** The gateway with the policy of the scenario. */
  readonly opened: OpenStage
  readonly subject: Subject
  readonly client: AttackClient
}

/** Plays a scenario directly at the model server, and then at a gateway. */
export async function playScenario(
  scenario: Scenario,
  { opened, subject, client }: ScenarioPlaces,
): Promise<ScenarioResult> {
  const { servers } = opened.stage
  if (servers === undefined) throw new TypeError('a scenario needs scripted servers')
  const alone = await startObservedServers(1, [model])
  try {
    const [gate = ''] = alone.urls
    const direct: Stage = {
      kind: 'direct',
      gate,
      admin: undefined,
      servers: alone,
      client,
      lastAction: () => undefined,
    }
    const { key = '' } = opened.keysFor(subject, undefined)
    return {
      without: await playOn(scenario, direct, alone, ''),
      with: await playOn(scenario, opened.stage, servers, key),
    }
  } finally {
    await alone.close()
  }
}

async function playOn(
  scenario: Scenario,
  stage: Stage,
  servers: NonNullable<Stage['servers']>,
  key: string,
): Promise<SideResult> {
  const lines: string[] = []
  const side = createSide(stage, servers, key, (line) => lines.push(line))
  return { damage: await scenario.play(side), lines }
}

/** Writes a played scenario as text. */
export function scenarioText({ title, story, lesson }: Scenario, result: ScenarioResult): string {
  const side = (name: string, { lines, damage }: SideResult) =>
    `${name}\n${lines.map((line) => `  ${line}\n`).join('')}  => ${damage}.\n\n`
  return `${title}\n\n${story}\n\n${side('Without the gateway', result.without)}${side('With the gateway', result.with)}What made the difference: ${lesson}\n`
}
