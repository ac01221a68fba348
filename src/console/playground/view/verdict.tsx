/** What the gateway would do with the text, and by what. */
import type { Severity } from '../../../core/text.ts'
import type { Verdict as Decision, Thresholds } from '../../../detect/injection/verdict.ts'
import type { ScanSettings } from '../../../detect/scan-settings.ts'
import type { Words } from '../words/words.ts'
import type { Scan } from './use-scan.ts'

interface Props {
  readonly words: Words
  readonly scan: Scan
  readonly verdict: Decision | undefined
  readonly thresholds: Thresholds
  /** Undefined in a page without settings of its own. */
  readonly given: ScanSettings | undefined
}

const weights: Readonly<Record<Severity, number>> = { low: 20, medium: 50, high: 100 }
const glyphs = { allow: '✓', flag: '!', block: '✕' } as const

/** The verdict. */
export function Verdict({ words, scan, verdict, thresholds, given }: Props) {
  const { state, result } = scan
  return (
    <section
      class={`card verdict ${state === 'failed' ? 'block' : (verdict?.action ?? '')}`}
      aria-labelledby="verdict"
    >
      <h2 id="verdict">{words.verdict.heading}</h2>
      <div role="status" class="decision">
        {state === 'failed' && <strong>{words.verdict.failed}</strong>}
        {verdict && result ? (
          <>
            <strong>
              <span class="glyph" aria-hidden="true">
                {glyphs[verdict.action]}
              </span>
              {words.actions[verdict.action]}
            </strong>
            <span class="score">{words.verdict.score(String(Math.round(verdict.score)))}</span>
            <span class="quiet">
              {words.verdict.thresholds(weights[thresholds.flag], weights[thresholds.block])}
            </span>
          </>
        ) : (
          state !== 'failed' && (
            <span class="quiet">
              {
                {
                  loading: words.verdict.loading,
                  scanning: words.verdict.scanning,
                  idle: words.verdict.empty,
                }[state]
              }
            </span>
          )
        )}
      </div>
      {result && <Facts words={words} scan={scan} />}
      <Notes words={words} given={given} />
    </section>
  )
}

function Facts({ words, scan: { result, signatures, state } }: Pick<Props, 'words' | 'scan'>) {
  const format = new Intl.NumberFormat(document.documentElement.lang)
  if (!result) return null
  return (
    <p class="quiet">
      {state === 'scanning'
        ? words.verdict.scanning
        : words.verdict.facts(
            format.format(result.text.length),
            format.format(signatures),
            format.format(Math.max(1, Math.round(result.tookMs))),
          )}
    </p>
  )
}

function Notes({ words: { settings }, given }: Pick<Props, 'words' | 'given'>) {
  const notes = given
    ? [
        settings.policy,
        given.mode === 'observe' && settings.observe,
        given.mode === 'off' && settings.off,
        given.packs.length > 0 && settings.packs(given.packs.length),
        given.packsLeftOut > 0 && settings.packsLeftOut(given.packsLeftOut),
        given.hasKnownNames && settings.names,
      ]
    : [settings.shipped]
  return <p class="notes">{[...notes, settings.limits].filter((note) => note !== false).join(' ')}</p>
}
