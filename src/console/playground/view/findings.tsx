/** The findings as a list: what each means, and where it stands. */
import { useState } from 'preact/hooks'
import type { Finding } from '../../../core/text.ts'
import type { Words } from '../words/words.ts'
import { markId } from './marked.tsx'
import { ShownText } from './shown-text.tsx'
import type { ShownResult } from './use-scan.ts'

interface Props {
  readonly words: Words
  readonly result: ShownResult
}

const maxQuote = 160
/** Findings that are listed at first: laying out hundreds at once would be felt. */
const maxListed = 50

/** The list. */
export function Findings({ words, result: { findings, text } }: Props) {
  const [isWhole, setWhole] = useState(false)
  const listed = isWhole ? findings : findings.slice(0, maxListed)
  return (
    <section class="card" aria-labelledby="findings">
      <h2 id="findings">{words.findings.heading(findings.length)}</h2>
      {findings.length === 0 ? (
        <p class="quiet">{words.findings.none}</p>
      ) : (
        <ol class="findings">
          {listed.map((finding, rank) => (
            <FindingRow
              key={`${finding.id} ${finding.start}`}
              {...{ words, finding, rank }}
              quote={quoteOf(text, finding)}
            />
          ))}
        </ol>
      )}
      {listed.length < findings.length && (
        <button type="button" onClick={() => setWhole(true)}>
          {words.findings.all(String(findings.length))}
        </button>
      )}
    </section>
  )
}

interface RowProps {
  readonly words: Words
  readonly finding: Finding
  readonly rank: number
  readonly quote: string
}

function FindingRow({ words, finding, rank, quote }: RowProps) {
  const { id, category, severity, start, end, parts, mentioned } = finding
  const format = new Intl.NumberFormat(document.documentElement.lang)
  return (
    <li>
      <button
        type="button"
        class={`number ${severity}`}
        aria-label={words.findings.show(rank + 1)}
        onClick={() => show(rank)}
      >
        {rank + 1}
      </button>
      <div>
        <code>{id}</code> <span class="quiet">{words.severities[severity]}</span>
        <div>{words.categories[category] ?? category}</div>
        <q class="quote" dir="auto">
          <ShownText words={words} text={quote} />
        </q>
        <div class="quiet">
          <span class="place">{words.findings.place(format.format(start), format.format(end))}</span>
          {mentioned && `; ${words.findings.mentioned}`}
          {parts && `; ${words.findings.parts}: ${parts.map(({ part }) => part).join(', ')}`}
        </div>
      </div>
    </li>
  )
}

/** Not between the halves of a character. */
function quoteOf(text: string, { start, end }: Finding): string {
  if (end - start <= maxQuote) return text.slice(start, end)
  return `${text.slice(start, start + maxQuote).replace(/[\ud800-\udbff]$/, '')} …`
}

function show(rank: number): void {
  const mark = document.getElementById(markId(rank))
  mark?.scrollIntoView({ block: 'center' })
  mark?.focus({ preventScroll: true })
}
