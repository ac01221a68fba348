/** The text as the audit log would keep it. */
import { useState } from 'preact/hooks'
import { wholeUpTo } from '../layout.ts'
import type { Words } from '../words/words.ts'
import { copyText } from './copy-text.ts'
import { ShownText } from './shown-text.tsx'
import type { ShownResult } from './use-scan.ts'

interface Props {
  readonly words: Words
  readonly result: ShownResult
}

/** Of a long text. */
const maxStart = 5000

/** The masked text, to be copied. */
export function Masked({ words, result: { masked, spans } }: Props) {
  const [message, setMessage] = useState('')
  const format = new Intl.NumberFormat(document.documentElement.lang)
  const copy = async () => {
    setMessage((await copyText(masked)) ? words.masked.copied : words.masked.notCopied)
  }
  return (
    <section class="card" aria-labelledby="masked">
      <h2 id="masked">{words.masked.heading(format.format(spans.length))}</h2>
      {spans.length === 0 ? (
        <p class="quiet">{words.masked.none}</p>
      ) : (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it. */}
          <pre class="masked" dir="auto" tabIndex={0}>
            <ShownText
              words={words}
              text={masked.slice(0, masked.length > wholeUpTo ? maxStart : masked.length)}
            />
          </pre>
          {masked.length > wholeUpTo && <p class="quiet">{words.masked.cut(format.format(masked.length))}</p>}
          <div class="actions">
            <button type="button" onClick={() => void copy()}>
              {words.masked.copy}
            </button>
            <span role="status">{message}</span>
          </div>
        </>
      )}
    </section>
  )
}
