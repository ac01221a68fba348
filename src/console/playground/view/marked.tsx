/** The text with findings and masked values marked in place. */
import { Fragment } from 'preact'
import type { Severity } from '../../../core/text.ts'
import type { Piece } from '../layout.ts'
import { maxMasked } from '../layout.ts'
import type { Words } from '../words/words.ts'
import { ShownText } from './shown-text.tsx'
import type { ShownResult } from './use-scan.ts'

interface Props {
  readonly words: Words
  readonly result: ShownResult
}

/** Id of the element in which a finding begins. */
export function markId(rank: number): string {
  return `mark-${rank}`
}

/** The marked text. */
export function Marked({ words, result }: Props) {
  const format = new Intl.NumberFormat(document.documentElement.lang)
  const { layout, spans } = result
  const begun = new Set<number>()
  const valuesBegun = new Set<number>()
  const skipped = (units: number) =>
    units > 0 && <span class="skipped">{words.text.skipped(format.format(units))}</span>
  return (
    <section class="card" aria-labelledby="marked">
      <h2 id="marked">{words.text.heading}</h2>
      {/* biome-ignore lint/a11y/useSemanticElements: no fields are in it. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it. */}
      <div class="marked" dir="auto" tabIndex={0} role="group" aria-labelledby="marked">
        {layout.passages.map((passage) => (
          <Fragment key={passage.start}>
            {skipped(passage.skipped)}
            {passage.pieces.map((piece) => {
              const first = piece.findings.filter((rank) => !begun.has(rank))
              for (const rank of first) begun.add(rank)
              const isFirst = piece.masked !== undefined && !valuesBegun.has(piece.masked)
              if (piece.masked !== undefined) valuesBegun.add(piece.masked)
              return (
                <MarkedPiece
                  key={piece.start}
                  {...{ words, result, piece, first }}
                  type={isFirst ? spans[piece.masked ?? 0]?.type : undefined}
                />
              )
            })}
          </Fragment>
        ))}
        {skipped(layout.rest)}
      </div>
      {spans.length > maxMasked && (
        <p class="quiet">{words.text.moreMasked(format.format(spans.length - maxMasked))}</p>
      )}
    </section>
  )
}

interface PieceProps extends Props {
  readonly piece: Piece
  /** Ranks of findings that begin here. */
  readonly first: readonly number[]
  /** Of the masked value that begins here. */
  readonly type: string | undefined
}

function MarkedPiece({ words, result, piece, first, type }: PieceProps) {
  const { findings, masked, text } = piece
  if (findings.length === 0 && masked === undefined) return <ShownText words={words} text={text} />
  const severity = heaviest(findings.map((rank) => result.findings[rank]?.severity ?? 'low'))
  const kinds = [findings.length > 0 && `finding ${severity}`, masked !== undefined && 'value']
  return (
    <mark class={kinds.filter(Boolean).join(' ')}>
      {first.map((rank) => (
        <span class="number" id={markId(rank)} tabIndex={-1} key={rank}>
          <span class="only-read-aloud">{words.text.mark(rank + 1, result.findings[rank]?.id ?? '')} </span>
          <span aria-hidden="true">{rank + 1}</span>
        </span>
      ))}
      {type !== undefined && (
        <span class="type">
          <span class="only-read-aloud">{words.text.value(type)} </span>
          <span aria-hidden="true">{type}</span>
        </span>
      )}
      <ShownText words={words} text={text} />
    </mark>
  )
}

function heaviest(all: readonly Severity[]): Severity {
  return all.includes('high') ? 'high' : all.includes('medium') ? 'medium' : 'low'
}
