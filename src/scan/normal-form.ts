/**
 * The form of a text in which signatures are looked for: NFKC, lower case, without characters that cannot be
 * seen. And the way back: where spans of that form stand in the original.
 *
 * Does not see through yet: look-alike letters of other scripts, leet, spaced letters, encodings.
 */
import type { Span } from '../core/text.ts'

export interface NormalForm {
  readonly text: string
  /** Spans of `text` as spans of the original. One walk over the original: ask once, and only for findings. */
  original<T extends Span>(spans: readonly T[]): T[]
}

// Zero-width characters, soft hyphen, joiners, bidi controls, variation selectors, tags, fillers: all of
// Unicode's Default_Ignorable_Code_Point.
const invisible = /\p{Default_Ignorable_Code_Point}/gu
const plain = /^[\t\n\r\x20-\x7e]*$/

export function normalForm(text: string): NormalForm {
  // ASCII keeps its length when lowered, so that positions stay what they are.
  if (plain.test(text)) return { text: text.toLowerCase(), original: (spans) => [...spans] }
  const folded = fold(text)
  return {
    text: folded,
    original(spans) {
      const { starts, ends } = originsOf(text, folded.length)
      return spans.map((span) => ({
        ...span,
        start: starts[span.start] ?? 0,
        end: ends[span.end - 1] ?? text.length,
      }))
    },
  }
}

function fold(piece: string): string {
  return piece.normalize('NFKC').replace(invisible, '').replaceAll('’', "'").toLowerCase()
}

/** A character with the marks and invisible characters that follow it: the unit in which folding changes lengths. */
const cluster = /.[\p{M}\p{Default_Ignorable_Code_Point}]*/suy

/**
 * For each unit of the folded text, where the cluster it came from starts and ends in the original. Where
 * neighbours were composed across clusters the count drifts; then a span is a little off, never out of range.
 */
function originsOf(text: string, length: number): { starts: Uint32Array; ends: Uint32Array } {
  const starts = new Uint32Array(length).fill(text.length)
  const ends = new Uint32Array(length).fill(text.length)
  let folded = 0
  for (let at = 0; at < text.length; ) {
    let end = at + 1
    let width = 1
    // Between two ASCII characters nothing can change length.
    if (text.charCodeAt(at) >= 0x80 || text.charCodeAt(end) >= 0x80) {
      cluster.lastIndex = at
      end = at + (cluster.exec(text)?.[0].length ?? 1)
      width = fold(text.slice(at, end)).length
    }
    for (let k = 0; k < width && folded < length; k++) {
      starts[folded] = at
      ends[folded++] = end
    }
    at = end
  }
  return { starts, ends }
}
