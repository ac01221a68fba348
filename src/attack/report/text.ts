/** A run in words, for a terminal. */
import { type AttackResult, holesOf, type RunResult, resultsOf } from '../result.ts'

/** Writes a run as text: what got through first. */
export function asText(run: RunResult): string {
  const { target, roles, seconds } = run
  const unclear = resultsOf(run, 'unclear')
  const admitted = resultsOf(run, 'admitted')
  const skipped = resultsOf(run, 'skipped')
  return [
    `Attacked: ${target}, as ${roles.join(', ')}, in ${seconds} s.\n\n`,
    ...holesOf(run).map(
      ({ close, results }) => `GOT THROUGH, one hole:\n${results.map(line).join('')}  Close it: ${close}\n\n`,
    ),
    section(`Not decided (${unclear.length}): what these attacks prove is unknown.`, unclear, whyLine),
    section(`Got through, as the documentation says (${admitted.length}):`, admitted, admittedLine),
    stoppedTable(run),
    section(`Not tried (${skipped.length}):`, skipped, whyLine),
    `${headline(run)}\n`,
  ].join('')
}

/** Says in one line what a run has shown. */
export function headline(run: RunResult): string {
  const count = (verdict: Parameters<typeof resultsOf>[1]) => resultsOf(run, verdict).length
  const through = count('through')
  const holes = holesOf(run).length
  const outcome =
    through === 0
      ? 'Nothing got through that should not'
      : `${through} got through, by ${holes} ${holes === 1 ? 'hole' : 'holes'}`
  const unclear = count('unclear') > 0 ? `, ${count('unclear')} not decided` : ''
  return `${outcome}: ${run.results.length - count('skipped')} attacks tried, ${count('stopped')} stopped, ${count('admitted')} admitted${unclear}, ${count('skipped')} not tried.`
}

function section(
  title: string,
  results: readonly AttackResult[],
  write: (result: AttackResult) => string,
): string {
  return results.length === 0 ? '' : `${title}\n${results.map(write).join('')}\n`
}

function line({ attack: { id, title, owasp }, roles }: AttackResult): string {
  return `  ${id}: ${title} [${owasp.join(', ')}] (${roles.join(', ')})\n`
}

function whyLine({ attack: { id, title }, notes }: AttackResult): string {
  return `  ${id}: ${title}: ${notes.join('; ')}\n`
}

function admittedLine({ attack: { id, title, admitted }, roles }: AttackResult): string {
  return `  ${id}: ${title} (${roles.join(', ')}): ${admitted?.by ?? ''}\n`
}

/** How many attacks each guard has stopped. */
export function stoppedByGuard(
  run: Pick<RunResult, 'results'>,
): readonly (readonly [guard: string, count: number, by: string])[] {
  const byGuard = new Map<string, { count: number; by: Set<string> }>()
  for (const { attack, notes } of resultsOf(run, 'stopped')) {
    const row = byGuard.get(attack.guard) ?? { count: 0, by: new Set<string>() }
    row.count++
    for (const note of notes) row.by.add(note)
    byGuard.set(attack.guard, row)
  }
  return Array.from(byGuard, ([guard, { count, by }]) => [guard, count, [...by].sort().join(', ')] as const)
}

function stoppedTable(run: RunResult): string {
  const rows = stoppedByGuard(run)
  if (rows.length === 0) return ''
  return `Stopped, by the guard that is meant to:\n${rows.map(([guard, count, by]) => `  ${guard}: ${count} (${by})\n`).join('')}\n`
}
