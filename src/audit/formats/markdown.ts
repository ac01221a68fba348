/** A report as Markdown, for the notice that somebody has to write. */

import { plain } from '../../core/plain.ts'
import type { Report } from '../query/report.ts'

/** @param integrity what `verify` said of the same time */
export function toMarkdown(report: Report, integrity: string, made: string): string {
  const { from, to, first, last, leftOut } = report
  const lines = [
    '# Incident report',
    '',
    `Made ${made} from the audit log of Torwart. Times are UTC.`,
    '',
    ...table(
      ['', ''],
      [
        ['From', from],
        ['To', to],
        ['Records', `${report.records} (requests: ${report.requests})`],
        ['First record', first && `${first.seq} \`${first.hash}\``],
        ['Last record', last && `${last.seq} \`${last.hash}\``],
        ['Integrity', integrity],
        ['Requests with findings that were stopped', report.stopped],
        ['Requests with findings that were taken out of the answer', report.redacted],
        ['Requests with findings that were **not** stopped', report.passed],
      ],
    ),
    '## What was found',
    ...table(
      ['signature', 'category', 'severity', 'stopped', 'taken out', 'not stopped'],
      report.findings.map(({ id, category, severity, blocked, redacted, passed }) => [
        id,
        category,
        severity,
        blocked,
        redacted,
        passed,
      ]),
    ),
    '## Who',
    ...table(
      ['key', 'name', 'role', 'requests', 'refused', 'with findings', 'first', 'last'],
      report.identities.map((who) => [
        who.id,
        who.name,
        who.role,
        who.requests,
        who.refused,
        who.withFindings,
        who.firstAt,
        who.lastAt,
      ]),
    ),
    ...said(leftOut.identities, 'requests of further keys'),
    ...counts('Without a valid credential, by address', report.strangers),
    ...counts('How requests ended', report.outcomes),
    ...counts('Models', report.models),
    ...counts('Policies in force', report.policies),
    '## Timeline',
    ...table(
      ['time', 'record', 'what', 'who', 'from', 'model', 'findings', 'request'],
      report.timeline.map((each) => [
        each.time,
        each.seq,
        each.what,
        each.who,
        each.peer,
        each.model,
        each.findings.join(', '),
        each.requestId,
      ]),
    ),
    ...said(leftOut.timeline, 'further moments'),
    '## Signed checkpoints',
    ...table(
      ['time', 'record', 'hash'],
      report.checkpoints.map(({ time, seq, hash }) => [time, seq, `\`${hash}\``]),
    ),
    ...said(leftOut.checkpoints, 'further checkpoints'),
  ]
  return `${lines.join('\n').trimEnd()}\n`
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
