/** The whole report: each framework with its controls, the open ones first, and the evidence for each. */
import type { Attestation } from '../model-trust/attestation/statement.ts'
import type { AttackRun } from './evidence/attack.ts'
import type { Sightings } from './evidence/log.ts'
import { type TraceId, traces } from './evidence/traces.ts'
import type { Control, Framework, FrameworkId } from './framework.ts'
import { type JudgedControl, type JudgedMeasure, judgeControl, type State } from './judge.ts'
import { type Facts, print } from './measure.ts'
import { type MeasureId, measures } from './measures/measures.ts'
import { texts } from './texts.ts'
import type { Language } from './words.ts'

/** Something that was seen to work. */
export interface Evidence {
  readonly kind: 'record' | 'attestation' | 'attack'
  readonly what: string
  /** RFC 3339. */
  readonly time: string
  /** Number of the record. */
  readonly seq?: number
  /** Of the request, for `torwart audit show --id`. */
  readonly id?: string
}

/** A control with its judgement and evidence. */
export interface ReportedControl extends JudgedControl {
  readonly control: Control
  readonly proofs: readonly string[]
  readonly evidence: readonly Evidence[]
}

/** A framework as this policy has it. */
export interface ReportedFramework {
  readonly framework: Framework
  readonly controls: readonly ReportedControl[]
  readonly counts: Readonly<Record<State, number>>
}

/** A measure that is not taken, or in part only. */
export interface Gap {
  readonly measure: MeasureId
  /** What leaves it open. */
  readonly settings: readonly string[]
  /** Ids of the controls that wait for it, by framework. */
  readonly controls: ReadonlyMap<FrameworkId, readonly string[]>
}

/** What there is to show. */
export interface Findings {
  readonly facts: Facts
  /** The audit log. */
  readonly log: string
  /** Undefined: there is no log. */
  readonly sightings: Sightings | undefined
  readonly attestations: readonly Attestation[]
  readonly attack: AttackRun | undefined
}

/** A report. */
export interface Report extends Findings {
  readonly frameworks: readonly ReportedFramework[]
  /** Those for which most controls wait first. */
  readonly gaps: readonly Gap[]
}

const order: readonly State[] = ['not', 'partly', 'yours', 'met']
/** Pieces of evidence of one control. */
const maxEvidence = 6

/** Judges all controls of frameworks. */
export function reportOf(frameworks: readonly Framework[], findings: Findings, language: Language): Report {
  const reported = frameworks.map((framework) => reportFramework(framework, findings, language))
  return { ...findings, frameworks: reported, gaps: gapsOf(reported) }
}

function reportFramework(framework: Framework, findings: Findings, language: Language): ReportedFramework {
  const controls = framework.controls.map((control): ReportedControl => {
    const judged = judgeControl(framework.id, control, findings.facts, findings.attack)
    const proofs = [...new Set(judged.measures.map(({ id }) => measures[id].proof))]
    const hasAttacks =
      framework.id.startsWith('owasp-') || judged.measures.some(({ id }) => id === 'promptGuard')
    return {
      ...judged,
      control,
      proofs,
      evidence: evidenceFor(judged.measures, findings, language, hasAttacks),
    }
  })
  const count = (state: State) => controls.filter((each) => each.state === state).length
  const counts = { met: count('met'), partly: count('partly'), not: count('not'), yours: count('yours') }
  const rank = ({ state }: JudgedControl) => order.indexOf(state)
  return { framework, controls: controls.toSorted((a, b) => rank(a) - rank(b)), counts }
}

/** The newest first; of a kind of record the last one only. */
function evidenceFor(
  judged: readonly JudgedMeasure[],
  { sightings, attestations, attack }: Findings,
  language: Language,
  hasAttacks: boolean,
): readonly Evidence[] {
  if (judged.length === 0) return []
  const words = texts[language]
  const wanted = new Set(judged.flatMap(({ id }): readonly TraceId[] => measures[id].traces))
  const records = [...wanted].flatMap((trace): Evidence[] => {
    const seen = sightings?.newest.get(trace)
    return seen ? [{ kind: 'record', what: traces[trace].what[language], ...seen }] : []
  })
  const tested = judged.some(({ id }) => id === 'modelsTested')
    ? attestations.map(
        ({ model, suite, finishedMs }): Evidence => ({
          kind: 'attestation',
          what: `${words.passed}: ${model}, ${suite}`,
          time: new Date(finishedMs).toISOString(),
        }),
      )
    : []
  const attacked: Evidence[] =
    attack && hasAttacks
      ? [
          {
            kind: 'attack',
            what: `${attack.tried} ${words.tried}, ${attack.stopped} ${words.stopped}`,
            time: attack.time,
          },
        ]
      : []
  return [...attacked, ...tested, ...records.toSorted((a, b) => b.time.localeCompare(a.time))].slice(
    0,
    maxEvidence,
  )
}

function gapsOf(frameworks: readonly ReportedFramework[]): readonly Gap[] {
  const gaps = new Map<MeasureId, { settings: Set<string>; controls: Map<FrameworkId, string[]> }>()
  for (const { framework, controls } of frameworks)
    for (const { control, measures: judged } of controls)
      for (const { id, settings } of judged.filter(({ extent }) => extent !== 'met')) {
        const gap = gaps.get(id) ?? { settings: new Set(), controls: new Map() }
        gaps.set(id, gap)
        for (const each of settings) if (each.extent !== 'met') gap.settings.add(print(each))
        gap.controls.set(framework.id, [...(gap.controls.get(framework.id) ?? []), control.id])
      }
  const size = ({ controls }: Gap) => [...controls.values()].flat().length
  return [...gaps]
    .map(([measure, { settings, controls }]): Gap => ({ measure, settings: [...settings], controls }))
    .toSorted((a, b) => size(b) - size(a))
}
