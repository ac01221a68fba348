/**
 * Compares the tools that a request offers with what their key offered first (`models.tools: pin`). Comes after the scan,
 * so that no definition is pinned which the prompt guard blocks.
 */
import { holderOf } from '../../auth/identity.ts'
import { stringOf } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { digestsOf, pinName } from '../../tool-policy/pins/digests.ts'
import type { ToolPins } from '../../tool-policy/pins/pins.ts'
import { extend, type Scanned } from '../context.ts'
import type { JudgedFinding } from '../findings.ts'
import { countFindings } from '../labels.ts'
import { offerRights } from '../response/tool-rights.ts'

const guard = 'tool-pins'
const maxTold = 16

/** @throws Refusal `tool_not_allowed` if a definition has changed and the policy refuses that */
export type CompareTools = (request: Scanned) => Scanned

/** @param pins the definitions that each key offered first */
export function createCompareTools(pins: Pick<ToolPins, 'changed'>, metrics: Metrics): CompareTools {
  return (request) => {
    const { policy, identity, prompt, findings, guards } = request
    if (policy.modelTrust.tools !== 'pin' || prompt.definitions.length === 0) return request
    const mayCall = offerRights(request)
    const offered = prompt.definitions.filter(({ name }) => mayCall?.(stringOf(name)) ?? true)
    const digests = digestsOf(offered)
    const byPin = new Map([...digests].map(([name, sha256]) => [pinName(name), sha256]))
    const changed = pins.changed(holderOf(identity), byPin)
    const refuses = policy.modelTrust.onDrift === 'refuse'
    const action = refuses ? 'block' : 'flag'
    const told = changed.slice(0, maxTold).map((tool) => changedTool(tool, action))
    if (changed.length > 0)
      countFindings(metrics, identity, { guard, category: 'LLM03', action }, changed.length)
    const verdict = changed.length === 0 ? 'allow' : action
    extend(request, { findings: [...findings, ...told], guards: [...guards, [guard, verdict]] })
    const [first] = [...digests.keys()].filter((name) => changed.includes(pinName(name)))
    if (first !== undefined && refuses) throw refusalOf(first)
    return request
  }
}

function changedTool(tool: string, action: JudgedFinding['action']): JudgedFinding {
  const finding = { guard, id: 'tool.changed', category: 'LLM03', severity: 'high', action } as const
  return { ...finding, channel: 'definition', start: 0, end: 0, tool }
}

function refusalOf(tool: string): Refusal {
  const say = `The definition of the tool \`${tool.slice(0, 128)}\` is not the one that this key offered first. If the change is intended, ask the operator to run \`torwart tools accept\`.`
  return new Refusal('tool_not_allowed', { say })
}
