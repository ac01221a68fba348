/**
 * Cuts a text into pieces for the page: what is marked, as what, and what is left out of a long text. Bounded, whatever the
 * text holds.
 */
import type { Finding, Span } from '../../core/text.ts'
import type { MaskedSpan } from '../../detect/sensitive/finder.ts'

/** A stretch of text that is marked in one way. */
export interface Piece {
  readonly start: number
  readonly text: string
  /** Ranks of findings that cover it. */
  readonly findings: readonly number[]
  /** Rank of the masked value that it is part of. */
  readonly masked: number | undefined
}

/** A passage of the text, and how much stands between it and the one before. */
export interface Passage extends Span {
  readonly skipped: number
  readonly pieces: readonly Piece[]
}

/** A text as it is shown. */
export interface Layout {
  readonly passages: readonly Passage[]
  /** Units behind the last passage. */
  readonly rest: number
}

/** UTF-16 code units that are shown whole; of a longer text this much, and so much around each mark. */
export const wholeUpTo = 20_000
const shownOfLonger = 6000
const around = 240
/** Masked values that are marked; of a long table not each one. */
export const maxMasked = 500

/** @param findings in the order of their place @param spans likewise, without overlaps */
export function layOut(text: string, findings: readonly Finding[], spans: readonly MaskedSpan[]): Layout {
  const marked = spans.slice(0, maxMasked)
  const shown = passagesOf(text, [...findings, ...marked])
  let end = 0
  const passages = shown.map((passage) => {
    const skipped = passage.start - end
    end = passage.end
    return { ...passage, skipped, pieces: piecesOf(text, passage, findings, marked) }
  })
  return { passages, rest: text.length - end }
}

function passagesOf(text: string, marks: readonly Span[]): Span[] {
  if (text.length <= wholeUpTo) return [{ start: 0, end: text.length }]
  if (marks.length === 0) return [{ start: 0, end: atCharacter(text, 2 * around) }]
  const passages: { start: number; end: number }[] = []
  let room = shownOfLonger
  for (const mark of marks.toSorted((a, b) => a.start - b.start)) {
    const last = passages.at(-1)
    const start = atCharacter(text, Math.max(last?.end ?? 0, mark.start - around))
    // Of what goes on and on its beginning.
    const end = atCharacter(text, Math.min(mark.end, mark.start + shownOfLonger / 4) + around)
    if (end <= start) continue
    if (room < end - start) break
    room -= end - start
    if (last && last.end === start) last.end = end
    else passages.push({ start, end })
  }
  return passages
}

/** Not between the halves of a character. */
function atCharacter(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  return Math.min(text.length, unit >= 0xdc00 && unit <= 0xdfff ? at + 1 : at)
}

function piecesOf(
  text: string,
  { start, end }: Span,
  findings: readonly Finding[],
  spans: readonly MaskedSpan[],
): Piece[] {
  const within = <T extends Span>(all: readonly T[]) =>
    all.flatMap((each, rank) => (each.start < end && each.end > start ? [{ rank, each }] : []))
  const here = { findings: within(findings), spans: within(spans) }
  const cuts = new Set([start, end])
  for (const { each } of [...here.findings, ...here.spans]) {
    cuts.add(Math.max(start, each.start))
    cuts.add(Math.min(end, each.end))
  }
  const places = [...cuts].sort((a, b) => a - b)
  return places.slice(0, -1).map((from, index) => {
    const to = places[index + 1] ?? end
    const covers = ({ each }: { each: Span }) => each.start < to && each.end > from
    return {
      start: from,
      text: text.slice(from, to),
      findings: here.findings.filter(covers).map(({ rank }) => rank),
      masked: here.spans.find(covers)?.rank,
    }
  })
}
