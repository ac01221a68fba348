/**
 * One walk over a text that tells which disguises it could wear, so that only those are looked for. Cheap and
 * generous: it may name one that is not there, never miss one that is.
 */
import { eachUnit, unitCount } from '../../core/code-units.ts'
import { folded, isSpacedWordUnit, isUnspaced } from '../injection/units.ts'
import { lookAlikes } from './look-alike-table.ts'
import { turnedLetters } from './rot13-and-reversed.ts'
import { mayBeMisspelt, minMisspelt, type Shapes, weightOfLetter } from './typos.ts'

/** Bits of `Survey.seen`. */
export const sign = {
  /** Units that no one sees, marks that stand apart, or characters beyond the basic plane. */
  unseen: 1,
  /** A look-alike beside a Latin letter, or of a script that nobody writes mails in. */
  lookAlike: 2,
  turned: 4,
  percent: 8,
  backslash: 16,
  ampersand: 32,
  angle: 64,
  plus: 128,
  /** A digit or sign that passes for a letter, beside a letter. */
  leet: 256,
  /** Four single letters with signs between. */
  spaced: 512,
  /** A stretch without letters, too long for a phrase to cross. */
  stretch: 1024,
  /** Letters and digits in one piece, long enough to be encoded or to be words without blanks. */
  run: 2048,
  /** Groups of dots and dashes. */
  morse: 4096,
  /** Anything that is no Latin letter: other matchers must look. */
  cyrillic: 8192,
  arabic: 16384,
  indic: 32768,
  unspaced: 65536,
  /** Half a dozen short groups of hexadecimal digits. */
  groups: 131072,
} as const

const letter = 1 << 20
const leetUnit = 1 << 21
const maybeLookAlike = 1 << 22
const wordUnit = 1 << 23
const dash = 1 << 24
/** Part of base64: what keeps a run going though it is no word. */
const joint = 1 << 25
const hexDigit = 1 << 26
/** From this bit on: which letter of ASCII it is, 1 to 26. */
const letterShift = 27

const twins = new Set(Object.values(lookAlikes).flatMap((all) => [...all]))

/** What the walk asks of each unit. */
const table = new Int32Array(unitCount)
for (let unit = 0; unit < unitCount; unit++) table[unit] = unit < 0x80 ? bitsOfAscii(unit) : bitsBeyond(unit)
mark(/[•·–—]/, dash)
mark(/(?![\u3099\u309a])[\p{Default_Ignorable_Code_Point}\p{Script=Inherited}]/u, sign.unseen)
// Half a character: letters of mathematics, in boxes and flags, tags, selectors; not the emoji.
mark(/[\ud835\ud83c\udb40]/, sign.unseen)
// The first half of a character that stands for a letter.
mark(/[\ud800\ud801\ud806\ud81b]/, sign.lookAlike)
for (const twin of twins) markBeyond(twin, (unit) => (isLiving(unit) ? maybeLookAlike : sign.lookAlike))
for (const turned of turnedLetters.keys()) markBeyond(turned, () => sign.turned)

function markBeyond(character: string, bitsOf: (unit: number) => number): void {
  const unit = character.charCodeAt(0)
  if (character.length === 1 && unit >= 0x80) table[unit] = (table[unit] ?? 0) | bitsOf(unit)
}

function mark(members: RegExp, bits: number): void {
  eachUnit(members, (unit) => {
    table[unit] = (table[unit] ?? 0) | bits
  })
}

function bitsOfAscii(unit: number): number {
  const character = String.fromCharCode(unit)
  let bits = 0
  if (isSpacedWordUnit(unit)) bits |= wordUnit
  const plain = folded[unit] ?? unit
  if (plain >= 0x61 && plain <= 0x7a) bits |= letter
  if ('0134578@$!|'.includes(character)) bits |= leetUnit
  if ('+/=-_'.includes(character)) bits |= joint
  if ('.-_'.includes(character)) bits |= dash
  if (character === '%') bits |= sign.percent
  if (character === '\\') bits |= sign.backslash
  if (character === '&') bits |= sign.ampersand
  if (character === '<') bits |= sign.angle
  if (character === '+') bits |= sign.plus
  if (/[0-9a-fA-F]/.test(character)) bits |= hexDigit
  if (/[a-zA-Z]/.test(character)) bits |= (unit & 31) << letterShift
  return bits
}

function bitsBeyond(unit: number): number {
  let bits = 0
  if (isSpacedWordUnit(unit)) bits |= wordUnit
  const plain = folded[unit] ?? unit
  if (plain >= 0x61 && plain <= 0x7a) bits |= letter
  if (unit >= 0x400 && unit <= 0x52f) bits |= sign.cyrillic
  if (unit >= 0x590 && unit <= 0x8ff) bits |= sign.arabic
  if (unit >= 0x900 && unit <= 0xdff) bits |= sign.indic
  if (isUnspaced(unit)) bits |= sign.unspaced
  else if (plain === unit && String.fromCharCode(unit).normalize('NFKD').length > 1) bits |= sign.unseen
  return bits
}

/** Of a script in which whole texts are written. */
function isLiving(unit: number): boolean {
  return (unit >= 0x370 && unit <= 0x9ff) || unit === 0xd7 || (unit >= 0xa00 && unit <= 0x109f)
}

const longRun = 16
const longStretch = 200
const minSpaced = 4
const minDashes = 12
const minGroups = 6
const minLeet = 2

/** What one walk over a text saw. */
export interface Survey {
  /** Bits of `sign`. */
  readonly seen: number
  /** Where the runs of `sign.run` start and end, in turns. */
  readonly runs: readonly number[]
  /** Where words start and end, in turns, that may be misspelt. */
  readonly shaped: readonly number[]
}

const none: number[] = []

/** @param shapes those of the vocabulary */
export function prefilter(text: string, shapes: Shapes): Survey {
  const tally = new Tally(text, shapes)
  let seen = 0
  let before = 0
  let isHex = hexDigit
  let dashes = 0
  let leet = 0
  // Where what is being read began: a run, a word, letters of ASCII with the sum of their weights, a stretch without words.
  let run = 0
  let word = 0
  let letters = 0
  let sum = 0
  let stretch = 0
  for (let at = 0; ; at++) {
    // What is done at the end stands in the loop: V8 keeps what it compiled of a loop and drops out of it behind, every time.
    if (at === text.length) {
      if (at - letters >= minMisspelt) tally.endLetters(letters, at, sum)
      if (at - run >= longRun) tally.endRun(run, at)
      tally.endText(at - word, isHex !== 0)
      if (leet >= minLeet) seen |= sign.leet
      return { seen: (seen & signsOnly) | tally.seen, runs: tally.runs, shaped: tally.shaped }
    }
    const bits = table[text.charCodeAt(at)] as number
    seen |= bits
    const letterOfAscii = bits >>> letterShift
    if (letterOfAscii !== 0) sum = (sum + weightOfLetter(letterOfAscii)) | 0
    else {
      if (at - letters >= minMisspelt) tally.endLetters(letters, at, sum)
      letters = at + 1
      sum = 0
    }
    if (bits & wordUnit) {
      if ((before & (leetUnit | maybeLookAlike)) | (bits & maybeLookAlike)) {
        if (bits & letter && before & leetUnit) leet++
        if (isLookAlike(before, bits)) seen |= sign.lookAlike
      }
      isHex &= bits
      stretch = at + 1
    } else {
      if (before & wordUnit) {
        tally.endWord(at - word, isHex !== 0)
        isHex = hexDigit
        dashes = 0
      }
      word = at + 1
      if (bits & dash && ++dashes >= minDashes) seen |= sign.morse
      if ((bits & joint) === 0) {
        if (at - run >= longRun) tally.endRun(run, at)
        run = at + 1
      }
      if (at - stretch >= longStretch) seen |= sign.stretch
    }
    before = bits
  }
}

function isLookAlike(before: number, bits: number): boolean {
  return bits & maybeLookAlike
    ? (before & letter) !== 0
    : (before & maybeLookAlike) !== 0 && (bits & letter) !== 0
}

/** What is counted where a word, a run, or letters end. */
class Tally implements Survey {
  seen = 0
  runs: number[] = none
  shaped: number[] = none
  readonly #text: string
  readonly #shapes: Shapes
  /** Words of one unit in a row, and groups of digits. */
  #singles = 0
  #groups = 0

  constructor(text: string, shapes: Shapes) {
    this.#text = text
    this.#shapes = shapes
  }

  endWord(length: number, isHex: boolean): void {
    if (length > 1) this.#singles = 0
    else if (++this.#singles >= minSpaced) this.seen |= sign.spaced
    if (!isHex || (length !== 2 && length !== 3 && length !== 7 && length !== 8)) this.#groups = 0
    else if (++this.#groups >= minGroups) this.seen |= sign.groups
  }

  /** The last word, if the text ends with one. */
  endText(length: number, isHex: boolean): void {
    if (length === 1 && this.#singles + 1 >= minSpaced) this.seen |= sign.spaced
    if (length > 1 && isHex && this.#groups + 1 >= minGroups) this.seen |= sign.groups
  }

  endRun(start: number, end: number): void {
    this.seen |= sign.run
    if (this.runs === none) this.runs = []
    this.runs.push(start, end)
  }

  endLetters(start: number, end: number, sum: number): void {
    if (!mayBeMisspelt(this.#shapes, this.#text, start, end, sum)) return
    if (this.shaped === none) this.shaped = []
    this.shaped.push(start, end)
  }
}

const signsOnly = (1 << 18) - 1
