/** Disguises that the scanner saw through, and what it read then. */
import type { ShownReading } from '../shown.ts'
import type { Words } from '../words/words.ts'
import { ShownText } from './shown-text.tsx'
import type { ShownResult } from './use-scan.ts'

interface Props {
  readonly words: Words
  readonly result: ShownResult
}

/** One entry for each reading; those that showed something are open. */
export function Disguises({ words, result: { id, readings, moreReadings } }: Props) {
  const format = new Intl.NumberFormat(document.documentElement.lang)
  return (
    <section class="card" aria-labelledby="disguises">
      <h2 id="disguises">{words.disguises.heading(readings.length + moreReadings)}</h2>
      {readings.length === 0 && <p class="quiet">{words.disguises.none}</p>}
      {readings.map((reading, rank) => (
        <Reading key={`${id} ${rank}`} words={words} reading={reading} />
      ))}
      {moreReadings > 0 && <p class="quiet">{words.disguises.more(format.format(moreReadings))}</p>}
    </section>
  )
}

function Reading({ words, reading }: { readonly words: Words; readonly reading: ShownReading }) {
  const { names, text, isCut, undone, more, found } = reading
  const format = new Intl.NumberFormat(document.documentElement.lang)
  return (
    <details class="reading" open={found.length > 0}>
      <summary>
        <strong>{names.map((name) => words.disguises.names[name]).join(', ')}</strong>{' '}
        {found.length > 0 ? (
          <span>
            {words.disguises.found}: {found.join(', ')}
          </span>
        ) : (
          <span class="quiet">{words.disguises.nothing}</span>
        )}
      </summary>
      <h3>
        {words.disguises.read}
        {isCut && ` (${words.disguises.cut})`}
      </h3>
      <pre dir="auto">
        <ShownText words={words} text={text} />
      </pre>
      {undone.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{words.disguises.original}</th>
              <th scope="col">{words.disguises.undone}</th>
            </tr>
          </thead>
          <tbody>
            {undone.map(({ start, from, to }) => (
              <tr key={start}>
                <td dir="auto">
                  <ShownText words={words} text={from} />
                </td>
                <td dir="auto">
                  {to.trim() === '' ? (
                    <em class="quiet">{words.disguises.removed}</em>
                  ) : (
                    <ShownText words={words} text={to} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {more > 0 && <p class="quiet">{words.disguises.more(format.format(more))}</p>}
    </details>
  )
}
