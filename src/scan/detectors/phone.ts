/**
 * Phone numbers, as `libphonenumber-js` knows them: international ones anywhere, national ones in the forms
 * people write them in, and bare digits only where a word says that they are a phone number.
 *
 * Asking the library takes some 20 µs. A text may hold thousands of numbers, so only the first hundred are
 * asked about; behind them whatever looks like one is taken for one.
 */
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min'
import { type Detector, digits } from './detector.ts'
import { isDigitUnit, type NumberRun } from './number-runs.ts'

const mostQuestions = 100
const national: readonly CountryCode[] = ['DE', 'GB', 'FR', 'IT', 'NL', 'AT', 'CH', 'AU']
const named =
  /(?:phone|tel|telefon|mobile|mobil|handy|cell|fax|call|anruf\w*|whatsapp|number|nummer|reach me)\W{0,3}(?:\w{1,8}\W{1,3}){0,3}$/i

export const phone: Detector = {
  type: 'phone',
  triggers: digits,
  find({ text, numberRuns }) {
    const spans = []
    let questions = mostQuestions
    for (const run of numberRuns) {
      const { length } = run.digits
      if (length < 7 || length > 18) continue
      const start = openingOf(text, run.start)
      if (start > 0 && /[\p{L}\p{N}_.,:=#$€£-]/u.test(text.charAt(start - 1))) continue
      if (/[\p{L}_]/u.test(text.charAt(run.end))) continue
      const shown = text.slice(start, run.end)
      const countries = countriesFor(shown, run, text.slice(Math.max(0, start - 40), start))
      if (countries.length === 0) continue
      if (questions <= 0 || countries.some((country) => questions-- > 0 && isPhone(shown, country)))
        spans.push({ start, end: run.end })
    }
    return spans
  },
}

/** With the `+` or `(` before the first digit. */
function openingOf(text: string, start: number): number {
  let at = start
  while (at > 0 && (text.charAt(at - 1) === '(' || text.charAt(at - 1) === '+')) at--
  return at
}

/** In which countries' ways a number could be written; none: it does not look like a phone number. */
function countriesFor(shown: string, run: NumberRun, before: string): readonly (CountryCode | undefined)[] {
  if (shown.includes('+')) return [undefined]
  if (run.digits.startsWith('00')) return [undefined]
  // Dates, version numbers, decimals.
  if (/^\d{4}-\d{2}-\d{2}|^\d{1,2}[./]\d{1,2}[./]\d{2,4}/.test(shown)) return []
  const american =
    /^\(?\d{3}\)?[-. \u2010-\u2013]{1,2}\d{3}[-. \u2010-\u2013]\d{4}$|^1[-. ]\(?\d{3}\)?[-. ]{1,2}\d{3}[-. ]\d{4}$/
  if (american.test(shown)) return ['US']
  const grouped = /^\(?0\d{1,5}\)?[ /.-]{1,3}\d{2,}(?:[ /.-]\d{2,})*$/.test(shown)
  if (grouped && !/^0\.\d/.test(shown)) return national
  if (named.test(before)) return ['US', ...national]
  return []
}

function isPhone(shown: string, country: CountryCode | undefined): boolean {
  let dialled = shown.replaceAll(/[^\d+]/g, '')
  if (country === undefined && !dialled.startsWith('+') && isDigitUnit(dialled.charCodeAt(0)))
    dialled = `+${dialled.slice(2)}`
  const parsed = country ? parsePhoneNumberFromString(dialled, country) : parsePhoneNumberFromString(dialled)
  return parsed?.isValid() ?? false
}
