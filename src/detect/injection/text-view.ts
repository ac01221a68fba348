/**
 * A text as somebody reads it who sees through a disguise, and the way back to the places in the text as it came.
 * A reading is the text with some stretches replaced; readings are made of readings.
 */
import type { Span } from '../../core/text.ts'

/** What stands for a stretch of the text. */
export interface Edit extends Span {
  readonly text: string
}

/** A text with some stretches replaced, and the way back to the text as it came. */
export interface TextView {
  readonly text: string
  /** The same place in the text as it came. */
  original(span: Span): Span
}

/** Between stretches that are not next to each other in the text: no phrase reaches over it. */
const fence = '\uffff'
/** Units of context kept on either side of a replaced stretch: more than a phrase is usually long. */
const margin = 600
/** Shorter texts are read whole. */
const wholeUpTo = 4096

/** Returns the view of a text in which nothing is replaced. */
export function asItCame(text: string): TextView {
  // A stranger must not put up fences.
  return { text: text.includes(fence) ? text.replaceAll(fence, ' ') : text, original: (span) => span }
}

/** Most come in order, and there may be one for every letter. */
function inOrder(edits: readonly Edit[]): readonly Edit[] {
  const isInOrder = edits.every(({ start }, index) => index === 0 || start >= (edits[index - 1]?.start ?? 0))
  return isInOrder ? edits : edits.toSorted((a, b) => a.start - b.start)
}

/**
 * @param edits in any order; of those that overlap, the first counts
 * @returns a reading of what is near the replaced stretches; of a short text, of all of it
 */
export function rewrite(before: TextView, edits: readonly Edit[]): TextView {
  const { text } = before
  const sorted = inOrder(edits)
  const reach = text.length <= wholeUpTo ? text.length : margin
  const pieces: string[] = []
  // For each piece, where it begins in the reading, where in the text before, and where it ends there if it was replaced.
  const outs: number[] = []
  const starts: number[] = []
  const ends: number[] = []
  let length = 0
  const put = (piece: string, start: number, end: number) => {
    if (piece === '') return
    pieces.push(piece)
    outs.push(length)
    starts.push(start)
    ends.push(end)
    length += piece.length
  }
  const copied = -1
  let at = 0
  const copy = (from: number, to: number) => {
    if (from > at) put(fence, at, from)
    put(text.slice(Math.max(from, at), to), Math.max(from, at), copied)
    at = to
  }
  for (const edit of sorted) {
    if (edit.start < at) continue
    const gap = edit.start - at
    if (gap > 2 * reach) {
      if (at > 0) copy(at, at + reach)
      copy(edit.start - reach, edit.start)
    } else if (gap > 0) copy(at, edit.start)
    put(edit.text, edit.start, edit.end)
    at = edit.end
  }
  copy(at, Math.min(text.length, at + reach))

  const pieceAt = (place: number): number => {
    let low = 0
    let high = outs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((outs[middle] ?? 0) <= place) low = middle
      else high = middle - 1
    }
    return low
  }
  return {
    text: pieces.join(''),
    original({ start, end }) {
      const first = pieceAt(start)
      const last = pieceAt(end - 1)
      const from = starts[first] ?? 0
      const to = ends[last] ?? copied
      return before.original({
        start: ends[first] === copied ? from + start - (outs[first] ?? 0) : from,
        end: to === copied ? (starts[last] ?? 0) + end - (outs[last] ?? 0) : to,
      })
    },
  }
}

/** A reading of the same length back to front. */
export function reversed(before: TextView): TextView {
  const { length } = before.text
  return {
    text: [...before.text].reverse().join(''),
    original: ({ start, end }) => before.original({ start: length - end, end: length - start }),
  }
}

/** A reading in which every unit stands where it stood. */
export function replaced(before: TextView, text: string): TextView {
  return { text, original: before.original }
}
