/** From measures to controls: the judgement is computed from settings and data files, never from prose. */
import type { AttackRun } from './evidence/attack.ts'
import type { Control, FrameworkId } from './framework.ts'
import { type Extent, extentOf, type Facts, print, type Setting } from './measure.ts'
import { type MeasureId, measures } from './measures/measures.ts'

/** How far a control is met; `yours`: no setting can contribute to it. */
export type State = Extent | 'yours'

/** A measure as this policy has it. */
export interface JudgedMeasure {
  readonly id: MeasureId
  readonly extent: Extent
  readonly settings: readonly Setting[]
  /** Whether the control is not met without it. */
  readonly isNeeded: boolean
}

/** A control as this policy has it. */
export interface JudgedControl {
  readonly state: State
  readonly measures: readonly JudgedMeasure[]
  /** Settings that meet it, wholly or in part. */
  readonly by: readonly string[]
  /** Settings that do not, or in part only. */
  readonly gaps: readonly string[]
  /** Cases of the attack run that came through and belong to it. */
  readonly through: readonly string[]
}

/** Lists of OWASP whose ids attacks name. */
const attacked: ReadonlySet<FrameworkId> = new Set(['owasp-llm-2025', 'owasp-agentic-2026'])

/** Judges a control. @param attack a run whose open cases count against it */
export function judgeControl(
  framework: FrameworkId,
  { id, needs = [], also = [], limit }: Control,
  facts: Facts,
  attack?: AttackRun,
): JudgedControl {
  const judged = [
    ...needs.map((each) => judge(each, facts, true)),
    ...also.map((each) => judge(each, facts, false)),
  ]
  const settings = judged.flatMap((each) => each.settings)
  const through =
    attacked.has(framework) && attack ? attack.through.filter(({ owasp }) => owasp.includes(id)) : []
  const gaps = settings.filter(({ extent }) => extent !== 'met')
  return {
    state: stateOf(judged, limit !== undefined || through.length > 0),
    measures: judged,
    by: distinct(settings.filter(({ extent }) => extent !== 'not')),
    gaps: distinct(gaps),
    through: through.map((each) => each.id),
  }
}

function judge(id: MeasureId, facts: Facts, isNeeded: boolean): JudgedMeasure {
  const settings = measures[id].judge(facts)
  return { id, extent: extentOf(settings), settings, isNeeded }
}

function stateOf(judged: readonly JudgedMeasure[], isCapped: boolean): State {
  if (judged.length === 0) return 'yours'
  if (judged.some(({ extent, isNeeded }) => isNeeded && extent === 'not')) return 'not'
  if (judged.every(({ extent }) => extent === 'not')) return 'not'
  return isCapped || judged.some(({ extent }) => extent !== 'met') ? 'partly' : 'met'
}

function distinct(settings: readonly Setting[]): readonly string[] {
  return [...new Set(settings.map(print))]
}
