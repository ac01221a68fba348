/**
 * The form of a text in which signatures are looked for: NFKC, lower case, without characters that cannot be
 * seen, without stretches of blanks or dashes that only keep words apart. And the way back: where spans of that
 * form stand in the original.
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

/** Marks on one letter that are looked at. Normalising sorts them, in time quadratic in their number. */
const mostMarks = 16
const tooManyMarks = new RegExp(`(\\p{M}{${mostMarks}})\\p{M}+`, 'gu')

/** How often a sign is kept that stands there again and again: as often as Markdown means something by it. */
const mostAlike = 3
/** Blanks that are kept: paragraphs have two between them, and squeezing every text would cost as much as scanning it. */
const mostBlanks = 2
const blanks = /(\s\s)\s+/g
/** Signs of ASCII and Latin-1: what people draw lines with. */
const alike = /([^A-Za-z0-9\s\u00aa-\uffff])\1{3,}/g
const sign = /[^A-Za-z0-9\s\u00aa-\uffff]/

export function normalForm(text: string): NormalForm {
  const ascii = plain.test(text)
  const folded = ascii ? text.toLowerCase() : fold(text)
  const stretches = stretchesIn(folded)
  const stretched = stretches.blanks || stretches.alike
  // ASCII keeps its length when lowered, so that positions stay what they are.
  if (ascii && !stretched) return { text: folded, original: (spans) => [...spans] }
  const narrowed = stretches.blanks ? folded.replace(blanks, '$1') : folded
  const squeezed = stretches.alike ? narrowed.replace(alike, '$1$1$1') : narrowed
  return {
    text: squeezed,
    original(spans) {
      const { starts, ends } = originsOf(text, squeezed.length, stretches)
      return spans.map((span) => ({
        ...span,
        start: starts[span.start] ?? 0,
        end: ends[span.end - 1] ?? text.length,
      }))
    },
  }
}

/** What there is to squeeze. A loop, because the same as patterns takes several times as long, and most texts have none. */
function stretchesIn(text: string): { readonly blanks: boolean; readonly alike: boolean } {
  let blanks = false
  let alike = false
  let last = -1
  let repeated = 1
  let blankRun = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    blankRun = unit <= 0x20 ? blankRun + 1 : 0
    if (blankRun > mostBlanks) blanks = true
    repeated = unit === last ? repeated + 1 : 1
    if (repeated > mostAlike && sign.test(text.charAt(at))) alike = true
    last = unit
  }
  return { blanks, alike }
}

/** Whether some letter may have too many marks; for the same reason a loop, over a table. */
function isCrowded(text: string): boolean {
  let marks = 0
  for (let at = 0; at < text.length && marks <= mostMarks; at++)
    marks = markUnits[text.charCodeAt(at)] === 1 ? marks + 1 : 0
  return marks > mostMarks
}

/** Marks, and halves of characters beyond the basic plane, among which there are some too. */
const markUnits = Uint8Array.from({ length: 0x10000 }, (_, unit) =>
  /[\p{M}\p{Cs}]/u.test(String.fromCharCode(unit)) ? 1 : 0,
)

function fold(piece: string): string {
  const cut = isCrowded(piece) ? piece.replace(tooManyMarks, '$1') : piece
  return cut.normalize('NFKC').replace(invisible, '').replaceAll('’', "'").toLowerCase()
}

/** A character with the marks and invisible characters that follow it: the unit in which folding changes lengths. */
const cluster = /.[\p{M}\p{Default_Ignorable_Code_Point}]*/suy
const blank = /\s/

/**
 * For each unit of the folded text, where the cluster it came from starts and ends in the original. Where
 * neighbours were composed across clusters the count drifts; then a span is a little off, never out of range.
 */
function originsOf(
  text: string,
  length: number,
  squeeze: { readonly blanks: boolean; readonly alike: boolean },
): { starts: Uint32Array; ends: Uint32Array } {
  const starts = new Uint32Array(length).fill(text.length)
  const ends = new Uint32Array(length).fill(text.length)
  let folded = 0
  let last = ''
  let repeated = 0
  for (let at = 0; at < text.length; ) {
    let end = at + 1
    let piece = text.charAt(at)
    // Between two ASCII characters nothing can change length.
    if (text.charCodeAt(at) >= 0x80 || text.charCodeAt(end) >= 0x80) {
      cluster.lastIndex = at
      end = at + (cluster.exec(text)?.[0].length ?? 1)
      piece = fold(text.slice(at, end))
    }
    for (const character of piece) {
      const isBlank = blank.test(character)
      repeated = character === last || (isBlank && blank.test(last)) ? repeated + 1 : 1
      last = character
      // What was squeezed belongs to the place that is left of it.
      const most = isBlank ? mostBlanks : mostAlike
      if (repeated > most && (isBlank ? squeeze.blanks : squeeze.alike && sign.test(character))) {
        if (folded > 0) ends[folded - 1] = end
        continue
      }
      for (let unit = 0; unit < character.length && folded < length; unit++) {
        starts[folded] = at
        ends[folded++] = end
      }
    }
    at = end
  }
  return { starts, ends }
}
