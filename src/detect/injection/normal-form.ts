/**
 * One form for texts that say the same: NFKC, lower case, without characters that cannot be seen, without stretches of
 * blanks or dashes. What repetition is known by; the scanner reads texts as they came and in its own way.
 */
import { unitSet } from '../../core/code-units.ts'

// Zero-width characters, soft hyphen, joiners, bidi controls, variation selectors, tags, fillers: all of
// Unicode's Default_Ignorable_Code_Point.
const invisible = /\p{Default_Ignorable_Code_Point}/gu
const plain = /^[\t\n\r\x20-\x7e]*$/

/** Marks on one letter that are looked at. Normalising sorts them, in time quadratic in their number. */
const maxMarks = 16
const tooManyMarks = new RegExp(`(\\p{M}{${maxMarks}})\\p{M}+`, 'gu')

/** How often a sign is kept that stands there again and again: as often as Markdown means something by it. */
const maxAlike = 3
/** Blanks that are kept: paragraphs have two between them, and squeezing every text would cost as much as scanning it. */
const maxBlanks = 2
const blanks = /(\s\s)\s+/g
/** Signs of ASCII and Latin-1: what people draw lines with. */
const alike = /([^A-Za-z0-9\s\u00aa-\uffff])\1{3,}/g
const sign = /[^A-Za-z0-9\s\u00aa-\uffff]/

/** Returns the form that texts which say the same have in common. Linear in the text. */
export function normalForm(text: string): string {
  const folded = plain.test(text) ? text.toLowerCase() : fold(text)
  const stretches = stretchesIn(folded)
  const narrowed = stretches.blanks ? folded.replace(blanks, '$1') : folded
  return stretches.alike ? narrowed.replace(alike, '$1$1$1') : narrowed
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
    if (blankRun > maxBlanks) blanks = true
    repeated = unit === last ? repeated + 1 : 1
    if (repeated > maxAlike && sign.test(text.charAt(at))) alike = true
    last = unit
  }
  return { blanks, alike }
}

/** Whether some letter may have too many marks; for the same reason a loop, over a table. */
function isCrowded(text: string): boolean {
  let marks = 0
  for (let at = 0; at < text.length && marks <= maxMarks; at++)
    marks = markUnits[text.charCodeAt(at)] === 1 ? marks + 1 : 0
  return marks > maxMarks
}

/** Marks, and halves of characters beyond the basic plane, among which there are some too. */
const markUnits = unitSet(/[\p{M}\p{Cs}]/u)

function fold(piece: string): string {
  const cut = isCrowded(piece) ? piece.replace(tooManyMarks, '$1') : piece
  return cut.normalize('NFKC').replace(invisible, '').replaceAll('’', "'").toLowerCase()
}
