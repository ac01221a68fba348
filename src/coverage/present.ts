/** A report as a page, as JSON and as rows. */
import type { Application, Control, Framework } from './framework.ts'
import type { State } from './judge.ts'
import { measures } from './measures/measures.ts'
import { type Block, fact, facts, type Mark, type Page, section, type Tone } from './page/page.ts'
import type { Evidence, Report, ReportedControl, ReportedFramework } from './report.ts'
import { checkedWords, stateWords, type Texts, texts } from './texts.ts'
import type { Language, Words } from './words.ts'

/** What a report is about. */
export interface About {
  readonly policyFile: string
  readonly program: string
  /** RFC 3339. */
  readonly made: string
}

const tones: Readonly<Record<State, Tone>> = { met: 'good', partly: 'open', not: 'bad', yours: 'open' }

/** Lays a report out as a page, gaps first. */
export function coveragePage(report: Report, about: About, language: Language): Page {
  const words = texts[language]
  return {
    language,
    title: words.title,
    blocks: [
      { kind: 'text', text: words.lead },
      aboutBlock(report, about, words),
      ...summary(report, language),
      ...gapBlocks(report, language),
      ...report.frameworks.flatMap((each) => frameworkBlocks(each, language)),
    ],
  }
}

function aboutBlock(
  { facts: { policy }, log, sightings, attack }: Report,
  about: About,
  words: Texts,
): Block {
  const run =
    attack &&
    [
      `${attack.tried} ${words.tried}, ${attack.stopped} ${words.stopped}`,
      printDay(attack.time),
      attack.policy === undefined || attack.policy === policy.version ? '' : words.otherPolicy,
    ]
      .filter(Boolean)
      .join(', ')
  return facts(
    fact(words.policy, [`${about.policyFile} (${policy.version})`]),
    fact(words.program, [about.program]),
    fact(words.made, [about.made]),
    fact(words.log, [
      sightings === undefined ? words.noLog : sightings.isCutOff ? `${log} (${words.cutOff})` : log,
    ]),
    fact(words.attack, [run ?? words.noAttack]),
  )
}

function summary(report: Report, language: Language): readonly Block[] {
  const words = texts[language]
  return section(words.summary, { kind: 'text', text: words.states }, summaryTable(report, language))
}

/** Counts the states of each framework. */
export function summaryTable({ frameworks }: Report, language: Language): Block {
  const states = ['not', 'partly', 'met', 'yours'] as const
  return {
    kind: 'table',
    head: [texts[language].framework, ...states.map((state) => stateWords[language][state])],
    rows: frameworks.map(({ framework, counts }) => [
      titleOf(framework, language),
      ...states.map((state) => counts[state]),
    ]),
  }
}

function gapBlocks({ gaps }: Report, language: Language): readonly Block[] {
  const words = texts[language]
  if (gaps.length === 0) return section(words.gaps, { kind: 'text', text: words.noGaps })
  return section(
    words.gaps,
    { kind: 'text', text: words.gapsLead },
    {
      kind: 'table',
      head: [words.measure, words.setting, words.controls],
      rows: gaps.map(({ measure, settings, controls }) => [
        measures[measure].what[language],
        settings.join('; '),
        Array.from(controls, ([id, ids]) => `${id}: ${ids.join(', ')}`).join('; '),
      ]),
    },
  )
}

function frameworkBlocks({ framework, controls }: ReportedFramework, language: Language): readonly Block[] {
  const words = texts[language]
  return [
    ...section(
      titleOf(framework, language),
      facts(
        fact(words.source, [`${framework.source} (${framework.version})`]),
        fact(words.checked, [`${checkedWords[language][framework.checked]}: ${framework.check[language]}`]),
      ),
    ),
    ...controls.flatMap((each) => controlBlocks(framework, each, language)),
  ]
}

function controlBlocks(
  framework: Framework,
  reported: ReportedControl,
  language: Language,
): readonly Block[] {
  const words = texts[language]
  const { control, state, by, gaps, through, proofs, evidence } = reported
  const mark: Mark = { tone: tones[state], text: stateWords[language][state] }
  const { checked } = control
  const isSettings = state !== 'yours'
  return [
    { kind: 'heading', level: 3, text: `${control.id} ${titleOf(control, language)}`, mark },
    facts(
      fact(words.asks, [control.asks[language]]),
      fact(words.open, [...gaps, ...through.map((id) => `${id} ${words.through}`)], true),
      fact(words.by, by, true),
      fact(words.limit, [inWords(control.limit, language)]),
      fact(words.yours, [inWords(control.yours, language)]),
      fact(words.proof, proofs, true),
      isSettings
        ? fact(
            words.evidence,
            evidence.length > 0 ? evidence.map((each) => evidenceInWords(each, words)) : [words.none],
          )
        : undefined,
      fact(words.applies, appliesIn(control.applies, language)),
      checked === undefined || checked === framework.checked
        ? undefined
        : fact(words.checked, [checkedWords[language][checked]]),
    ),
  ]
}

function printDay(time: string): string {
  return time.slice(0, '2026-01-01'.length)
}

function evidenceInWords({ what, time, seq }: Evidence, words: Texts): string {
  return `${printDay(time)}: ${what}${seq === undefined ? '' : ` (${words.record} ${seq})`}`
}

function titleOf({ title, titleDe }: Pick<Control, 'title' | 'titleDe'>, language: Language): string {
  return language === 'de' && titleDe !== undefined ? titleDe : title
}

function inWords(given: Words | undefined, language: Language): string {
  return given?.[language] ?? ''
}

function appliesIn(applies: readonly Application[] | undefined, language: Language): readonly string[] {
  return (applies ?? []).map(({ from, to }) => `${from}: ${to[language]}`)
}

/** Returns what `--format json` prints. */
export function coverageJson(report: Report, about: About, language: Language): object {
  const { policy } = report.facts
  return {
    made: about.made,
    program: about.program,
    policy: { file: about.policyFile, version: policy.version },
    attack: report.attack ?? null,
    frameworks: report.frameworks.map(({ framework, controls, counts }) => ({
      id: framework.id,
      title: titleOf(framework, language),
      version: framework.version,
      source: framework.source,
      checked: framework.checked,
      counts,
      controls: controls.map(({ control, state, by, gaps, through, proofs, evidence }) => ({
        id: control.id,
        title: titleOf(control, language),
        state,
        by,
        evidence,
        asks: control.asks[language],
        gaps,
        through,
        proof: proofs,
        limit: control.limit?.[language] ?? null,
        yours: control.yours?.[language] ?? null,
        applies: (control.applies ?? []).map(({ from, to }) => ({ from, to: to[language] })),
        checked: control.checked ?? framework.checked,
      })),
    })),
  }
}

/** The columns of `--format csv`. */
export const coverageColumns = [
  'framework',
  'id',
  'title',
  'state',
  'by',
  'gaps',
  'proof',
  'evidence',
  'evidenceAt',
  'limit',
  'yours',
  'checked',
] as const

/** Returns the rows of `--format csv`. */
export function coverageRows(
  { frameworks }: Report,
  language: Language,
): readonly Readonly<Record<string, unknown>>[] {
  return frameworks.flatMap(({ framework, controls }) =>
    controls.map(({ control, state, by, gaps, through, proofs, evidence: [last] }) => ({
      framework: framework.id,
      id: control.id,
      title: titleOf(control, language),
      state,
      by: by.join('; '),
      gaps: [...gaps, ...through].join('; '),
      proof: proofs.join('; '),
      evidence: last?.what,
      evidenceAt: last?.time,
      limit: control.limit?.[language],
      yours: control.yours?.[language],
      checked: control.checked ?? framework.checked,
    })),
  )
}
