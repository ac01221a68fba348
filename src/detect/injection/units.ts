/**
 * What a UTF-16 code unit is to the scanner: which letter it folds to, whether it belongs to a word, in which script.
 * Tables over all units, made once and never changed, because everything on the hot path asks them for every unit.
 *
 * Folding keeps lengths: case, accents, full width and circles go, and what takes more than one unit (mathematical
 * letters, ligatures, marks that stand apart) is left to `disguises/invisible.ts`.
 */
import { eachUnit, unitCount } from '../../core/code-units.ts'

/** Letters whose bar or missing dot is no mark to Unicode. */
const barred: Readonly<Record<string, string>> = {
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ı: 'i',
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  '‑': '-',
}

/** What lies between is its own form: Hangul syllables would fall apart when folded, and Han has nothing to fold. */
const foldable = [
  [0, 0x3041],
  [0xf900, unitCount],
] as const

/** The unit that another one is read as. */
export const folded: Uint16Array = new Uint16Array(unitCount)
for (let unit = 0; unit < unitCount; unit++) folded[unit] = unit
for (const [from, to] of foldable) for (let unit = from; unit < to; unit++) folded[unit] = foldUnit(unit)

function foldUnit(unit: number): number {
  const character = String.fromCharCode(unit)
  if (/\s/.test(character)) return 0x20
  const plain = character
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f\u064b-\u065f\u0670]/g, '')
    .toLowerCase()
    .replaceAll(/[\u0300-\u036f]/g, '')
  const letter = barred[plain] ?? plain
  return letter.length === 1 ? letter.charCodeAt(0) : unit
}

/** Of a word whose script keeps its words apart. */
export const wordKind = 1
/** Between stretches of a text that do not belong together: see `text-view.ts`. */
export const fenceKind = 2
/** Of a word in a script that does not keep its words apart: Thai, Lao, kana, Han, Hangul. */
export const unspacedKind = 3

/**
 * The kind of each unit; 0 for what is of no word. Words are letters, digits and their marks, not the underscore and no
 * sign of any kind, or they would hide the words they stand between; half a character from beyond the basic plane is one
 * of those too.
 */
export const unitKinds: Uint8Array = new Uint8Array(unitCount)
unitKinds[unitCount - 1] = fenceKind
eachUnit(/[\p{L}\p{N}\p{M}]/u, (unit) => {
  const isUnspacedScript =
    (unit >= 0x0e00 && unit <= 0x0eff) ||
    (unit >= 0x3040 && unit <= 0x9fff) ||
    (unit >= 0xac00 && unit <= 0xd7a3)
  unitKinds[unit] = isUnspacedScript ? unspacedKind : wordKind
})

/** Nothing stands between the words, or endings cling to them. */
export function isUnspaced(unit: number): boolean {
  return unitKinds[unit] === unspacedKind
}

/** Of a word in a script that keeps its words apart. */
export function isSpacedWordUnit(unit: number): boolean {
  return unitKinds[unit] === wordKind
}

/** As `folded` does it, for a whole text of one's own (a signature's, not a stranger's). */
export function foldText(text: string): string {
  const composed = text.normalize('NFKC')
  let plain = ''
  for (let at = 0; at < composed.length; at++)
    plain += String.fromCharCode(folded[composed.charCodeAt(at)] ?? 0)
  return plain
}
