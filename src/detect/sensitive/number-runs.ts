/**
 * Runs of digits with the separators people put between them: what card numbers, phone numbers, tax and
 * insurance numbers are made of. One walk over the text serves all of them.
 */
import { luhn } from './check-digits.ts'

/** Digits of one number, as far as separators go. */
export interface NumberRun {
  readonly start: number
  readonly end: number
  readonly digits: string
  /** Where each digit stands in the text. */
  readonly at: Readonly<ArrayLike<number>>
}

/** Fewer digits are no number of anybody. */
const fewest = 7
/** Digits of a run that are looked at; longer ones are data, not a number somebody could dial. */
const max = 256
/** Separators in one number. */
export const maxBetween = 9
const widestCell = 24
/** Between two groups, as in `030 / 901820`. */
const maxSeparators = 3

/** Finds every run in a text. */
export function numberRuns(text: string): NumberRun[] {
  const runs: NumberRun[] = []
  for (let position = 0; position < text.length; position++) {
    if (!isDigitUnit(text.charCodeAt(position))) continue
    const start = position
    let last = start
    let count = 0
    let separators = 0
    for (; position < text.length && separators <= maxSeparators && count < max; position++) {
      const unit = text.charCodeAt(position)
      if (isDigitUnit(unit)) {
        last = position
        count++
        separators = 0
      } else if (isSeparator(unit)) separators++
      else break
    }
    position = last
    // Most are years and list numbers, for which nothing is made.
    if (count >= fewest) runs.push(runOf(text, start, last + 1, count))
  }
  return runs
}

function runOf(text: string, start: number, end: number, count: number): NumberRun {
  const at = new Int32Array(count)
  const whole = text.slice(start, end)
  const digits = whole.length === count ? whole : whole.replaceAll(/[^0-9]/g, '')
  let found = 0
  for (let position = start; position < end; position++)
    if (isDigitUnit(text.charCodeAt(position))) at[found++] = position
  return { start, end, digits, at }
}

/** Blank, no-break space, `(` `)` `-` `.` `/`, and the hyphens of typesetting. */
function isSeparator(unit: number): boolean {
  return (
    unit === 0x20 ||
    unit === 0xa0 ||
    unit === 0x28 ||
    unit === 0x29 ||
    (unit >= 0x2d && unit <= 0x2f) ||
    (unit >= 0x2010 && unit <= 0x2013)
  )
}

/** Tells digits of ASCII. */
export function isDigitUnit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}

/** Whether the run's digits `from` to `to` stand alone: neither glued to letters nor inside a longer group. */
function standsAlone(text: string, run: NumberRun, from: number, to: number): boolean {
  const before = text.charCodeAt((run.at[from] ?? 0) - 1)
  const after = text.charCodeAt((run.at[to - 1] ?? 0) + 1)
  return !isWordUnit(before) && !isWordUnit(after)
}

function isWordUnit(unit: number): boolean {
  return isDigitUnit(unit) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a) || unit === 0x5f
}

/** A number that begins and ends where groups of a run do: in what stretch of the text, and its digits. */
export interface Grouped {
  readonly start: number
  readonly end: number
  readonly digits: string
}

/**
 * The first number in `run`, from each group on, that `isOne` takes for one of its kind; further ones behind it.
 * @param lengths longest first: a shorter number inside a longer one is a coincidence
 * @param leading digits of the first group, at least
 */
export function groupedNumbers(
  text: string,
  run: NumberRun,
  lengths: readonly number[],
  leading: number,
  isOne: (number: Grouped) => boolean,
): Grouped[] {
  const { at } = run
  const shortest = lengths.at(-1) ?? 0
  const found: Grouped[] = []
  for (let from = 0; from + shortest <= at.length; from++) {
    const start = at[from] ?? 0
    if (from > 0 && at[from - 1] === start - 1) continue
    if ((at[from + leading - 1] ?? 0) - start !== leading - 1) continue
    for (const length of lengths) {
      const end = (at[from + length - 1] ?? Number.POSITIVE_INFINITY) + 1
      if (end - start > length + maxBetween || !standsAlone(text, run, from, from + length)) continue
      const number = { start, end, digits: run.digits.slice(from, from + length) }
      if (!isOne(number)) continue
      found.push(number)
      from += length - 1
      break
    }
  }
  return found
}

const evenly = /^\d+(?:([ \u00a0]{1,2}|[-./\u2010-\u2013])\d+(?:\1\d+)*)?$/

/** The sizes of its groups, as `4-4-4-4`; `uneven` where different signs stand between them. */
export function shapeOf(text: string, { start, end }: Grouped): string {
  const shown = text.slice(start, end)
  if (!evenly.test(shown)) return 'uneven'
  return shown
    .split(/\D+/, maxBetween + 1)
    .map(({ length }) => length)
    .join('-')
}

/** What stands beside a number in a row: digits, but not another whole number that carries a check digit. */
function isCell(token: string): boolean {
  return /^\d+$/.test(token) && !(token.length >= 12 && luhn(token))
}

/**
 * Whether more numbers stand in its row, as in a table. A year or the date of expiry behind it is none.
 * @param run in which it stands
 */
export function isInTable(text: string, run: NumberRun, { start, end }: Grouped): boolean {
  const before = /([^ \u00a0]+)[ \u00a0]+$/.exec(text.slice(Math.max(run.start, start - widestCell), start))
  if (isCell(before?.[1] ?? '')) return true
  const behind =
    /^[ \u00a0]+([^ \u00a0]+)/.exec(text.slice(end, Math.min(run.end, end + widestCell)))?.[1] ?? ''
  return isCell(behind) && !/^(?:19|20)\d\d$/.test(behind)
}
