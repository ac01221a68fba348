/** An answer to a request of access (GDPR, article 15) as Markdown, piece by piece. */
import { plain } from '../../core/plain.ts'
import type { StoredRecord, StoredSummary } from '../query/stored-about.ts'
import { modelOf, outcomeOf } from '../write/entry.ts'

/** Prints a list of facts. Names are ours; values may be anybody's. */
export function factsInMarkdown(title: string, facts: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(facts).map(([name, value]) => `- ${name}: ${harmless(value) || '–'}`)
  return `## ${title}\n\n${rows.length > 0 ? rows.join('\n') : 'Nothing.'}\n\n`
}

/** Prints the sums of the records. */
export function summaryInMarkdown(summary: StoredSummary): string {
  return factsInMarkdown('Records in the audit log', {
    requests: summary.requests,
    events: summary.events,
    'requests whose texts and addresses were erased': summary.erased,
    first: summary.firstAt ?? 'none',
    last: summary.lastAt ?? 'none',
    'input tokens': summary.inputTokens,
    'output tokens': summary.outputTokens,
    'addresses that requests came from': summary.peers,
  })
}

/** Prints one record as it is stored. */
export function recordInMarkdown({ line, chain, entry }: StoredRecord): string {
  const what = entry.event === undefined ? `${entry.route ?? ''} ${modelOf(entry)}` : 'event'
  const name = `${chain === '' ? '' : `${chain}:`}${entry.seq}`
  // Indented, so that nothing in it ends the block: a line of JSON has no newline.
  return `### ${name}, ${entry.time}\n\n${harmless(what.trim())}: ${harmless(outcomeOf(entry))}\n\n    ${plain(line)}\n\n`
}

function harmless(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : value
  return plain(text).replaceAll(/[|[\]<>!*_`#\\]/g, (sign) => `\\${sign}`)
}
