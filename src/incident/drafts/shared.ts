/** What the drafts share: gaps that people fill in, and tables of what the log knows. */
import { plain } from '../../core/plain.ts'
import type { Facts } from '../facts.ts'
import type { Incident } from '../incident.ts'

/** What a draft is made from. */
export interface DraftParts {
  readonly incident: Incident
  readonly facts: Facts
  /** What `audit verify` says, as Markdown. */
  readonly integrity: string
  /** Name of the person in the log: a pseudonym; null: it is about no person. */
  readonly person: string | null
  /** When the draft was made, RFC 3339. */
  readonly made: string
  readonly version: string
}

/** How every gap begins, so that none is overlooked. */
export const gapMark = '[TO BE FILLED IN:'

/** Marks what a log cannot know. @param what is asked, without a full stop */
export function gap(what: string): string {
  return `**${gapMark} ${what}]**`
}

/** Counts the gaps of a draft. */
export function gapsIn(draft: string): number {
  return draft.split(gapMark).length - 1
}

/** Makes text of a caller or an operator harmless in Markdown. */
export function harmless(value: unknown): string {
  return plain(value).replaceAll(/[|[\]<>!*_`#\\]/g, (sign) => `\\${sign}`)
}

/** Prints a table. Cells are Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return ['', row(head), `|${'---|'.repeat(head.length)}`, ...rows.map(row), '']
}

/** Prints names with their counts; says so where there are none. */
export function counts(of: Readonly<Record<string, number>>, none: string): string {
  const names = Object.entries(of).toSorted(([, a], [, b]) => b - a)
  return names.length === 0 ? none : names.map(([name, count]) => `${harmless(name)} (${count})`).join(', ')
}

/** Prints the head of a draft: what it is, and that it is one. */
export function head(title: string, law: string, { incident, made, version }: DraftParts): string[] {
  return [
    `# ${title}`,
    '',
    `Draft of ${made} for the report that ${law} asks for, made by Torwart ${harmless(version)} from its audit log.`,
    `Incident \`${incident.id}\`. Times are UTC. It is not a legal assessment: whether this report is due, and whether`,
    'it is complete, is for you to decide. What the log cannot know is marked as a gap.',
    '',
  ]
}

/** Prints who reports. */
export function reporter(): string[] {
  return [
    '## Who reports',
    ...table(
      ['', ''],
      [
        ['Organisation', gap('name, register number and address of the entity')],
        ['Contact', gap('name, telephone and e-mail of the contact for this incident')],
        ['Recipient', gap('competent authority or CSIRT')],
      ],
    ),
  ]
}

/** Prints what happened, as far as the log tells. */
export function whatHappened({ incident, facts, integrity, person }: DraftParts): string[] {
  const { report } = facts
  const subject = [
    ...(incident.key === null ? [] : [`key \`${harmless(incident.key)}\``]),
    ...(person === null ? [] : [`person \`${person}\` (pseudonym)`]),
  ]
  return table(
    ['', ''],
    [
      ['Reason given when it was opened', harmless(incident.why)],
      ['Became aware of it', incident.aware],
      ['Records from', incident.since],
      ['About', subject.length === 0 ? 'all callers of this gateway' : subject.join(', ')],
      ['Records that concern it', `${report.records} (requests: ${report.requests})`],
      ['How requests ended', counts(report.outcomes, 'there were none')],
      ['Findings of the guards', counts(findingCounts(facts), 'none')],
      [
        'Requests with findings',
        `stopped: ${report.stopped}; redacted: ${report.redacted}; **not stopped: ${report.passed}**`,
      ],
      ['Models', counts(report.models, 'none')],
      ['Policies in force', counts(report.policies, 'none')],
      ['Integrity of the log', integrity],
    ],
  )
}

function findingCounts({ report }: Facts): Record<string, number> {
  return Object.fromEntries(
    report.findings.map(({ id, severity, blocked, redacted, passed }) => [
      `${id}, ${severity}`,
      blocked + redacted + passed,
    ]),
  )
}

/** Prints indicators of compromise that the log knows. */
export function indicators({ facts }: DraftParts): string[] {
  const { peers, report, models } = facts
  const list = (names: readonly string[]) =>
    names.length === 0 ? 'none' : names.map((name) => `\`${name.replaceAll(/[`|]/g, '')}\``).join(', ')
  const signatures = report.findings.map(({ id, category }) => `${id} (${category})`)
  return table(
    ['', ''],
    [
      ['Network addresses of requests with findings, or without a valid credential', list(peers.map(plain))],
      ['Signatures that matched', list(signatures.map(plain))],
      ['Models that served, with digest', list(models.map(plain))],
      ['Other indicators', gap('hashes, domains, accounts and tools known from elsewhere')],
    ],
  )
}

/** Prints what was done about it, as the log has it. */
export function measures({ facts }: DraftParts): string[] {
  const { measures: done, leftOut } = facts
  if (done.length === 0)
    return ['', 'The log has no freeze, revocation or change of policy in this time.', '']
  return [
    ...table(
      ['time', 'record', 'measure'],
      done.map(({ time, seq, what }) => [time, String(seq), harmless(what)]),
    ),
    ...(leftOut.measures > 0 ? [`And ${leftOut.measures} further ones; see \`report.md\`.`, ''] : []),
  ]
}
