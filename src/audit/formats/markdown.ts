/** A report as Markdown, for the notice that somebody has to write. */

import { plain } from '../../core/plain.ts'
import type { Report } from '../query/report.ts'

/**
 * Prints a report.
 * @param integrity what `verify` said of the same time
 * @param made when, RFC 3339
 */
export function toMarkdown(report: Report, integrity: string, made: string): string {
  const lines = [
    '# Incident report',
    '',
    `Generated ${made} from Torwart's audit log. Times are UTC.`,
    '',
    ...summary(report, integrity),
    '## What was found',
    ...findings(report),
    '## Who',
    ...identities(report),
    ...counts('Without a valid credential, by address', report.strangers),
    ...counts('How requests ended', report.outcomes),
    ...counts('Models', report.models),
    ...counts('Policies in force', report.policies),
    '## Timeline',
    ...timeline(report),
    '## Signed checkpoints',
    ...table(
      ['time', 'record', 'hash'],
      report.checkpoints.map(({ time, seq, hash }) => [time, seq, `\`${hash}\``]),
    ),
    ...said(report.leftOut.checkpoints, 'further checkpoints'),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

function summary(report: Report, integrity: string): string[] {
  const { from, to, first, last } = report
  return table(
    ['', ''],
    [
      ['From', from],
      ['To', to],
      ['Records', `${report.records} (requests: ${report.requests})`],
      ['First record', first && `${first.seq} \`${first.hash}\``],
      ['Last record', last && `${last.seq} \`${last.hash}\``],
      ['Integrity', integrity],
      ['Requests with findings that were stopped', report.stopped],
      ['Requests with findings that were redacted from the response', report.redacted],
      ['Requests with findings that were **not** stopped', report.passed],
    ],
  )
}

function findings(report: Report): string[] {
  return table(
    ['signature', 'category', 'severity', 'stopped', 'taken out', 'not stopped'],
    report.findings.map(({ id, category, severity, blocked, redacted, passed }) => [
      id,
      category,
      severity,
      blocked,
      redacted,
      passed,
    ]),
  )
}

function identities(report: Report): string[] {
  const rows = report.identities.map((who) => [
    who.id,
    who.name,
    who.role,
    who.requests,
    who.refused,
    who.withFindings,
    who.firstAt,
    who.lastAt,
  ])
  const head = ['key', 'name', 'role', 'requests', 'refused', 'with findings', 'first', 'last']
  return [...table(head, rows), ...said(report.leftOut.identities, 'requests of further keys')]
}

function timeline(report: Report): string[] {
  const rows = report.timeline.map((each) => [
    each.time,
    each.seq,
    each.what,
    each.who,
    each.peer,
    each.model,
    each.findings.join(', '),
    each.requestId,
  ])
  const head = ['time', 'record', 'what', 'who', 'from', 'model', 'findings', 'request']
  return [...table(head, rows), ...said(report.leftOut.timeline, 'further moments')]
}

function counts(title: string, of: Readonly<Record<string, number>>): string[] {
  const rows = Object.entries(of).toSorted(([, a], [, b]) => b - a)
  return [`## ${title}`, ...table(['', ''], rows)]
}

function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string[] {
  if (rows.length === 0) return ['', 'Nothing.', '']
  const row = (cells: readonly unknown[]) => `| ${cells.map(cell).join(' | ')} |`
  return ['', row(head), `|${'---|'.repeat(head.length)}`, ...rows.map(row), '']
}

/** What a caller wrote must not become a link, an image or another row. */
function cell(value: unknown): string {
  return plain(value).replaceAll(/[|[\]<>!]/g, (sign) => `\\${sign}`)
}

function said(count: number, what: string): string[] {
  return count === 0 ? [] : [`And ${count} ${what}.`, '']
}
