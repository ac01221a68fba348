/**
 * Numbers that Britain, Switzerland, France, Spain and Italy give to people, and VAT ids: by their form and check
 * digits, or their form and a word that names them.
 */
import validator from 'validator'
import { ean13, mod11of10, weighted } from './check-digits.ts'
import { codeDetector, type Detector, digits, numberDetector, patternDetector, whole } from './detector.ts'
import { groupedNumbers, isInTable, maxBetween, shapeOf } from './number-runs.ts'

/** NHS number: ten digits with a check digit modulo 11, in its groups or behind its name. */
export const nhs: Detector = {
  type: 'nhs',
  triggers: digits,
  maxLength: 10 + maxBetween,
  find(sample) {
    return sample.numberRuns.flatMap((run) =>
      groupedNumbers(sample.text, run, [10], 3, ({ digits, start, end }) => {
        const rest = 11 - (weighted(digits.slice(0, 9), [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)
        if ((rest === 11 ? 0 : rest) !== Number(digits.at(-1)) || /^(\d)\1+$/.test(digits)) return false
        return (
          (/^\d{3}([ -])\d{3}\1\d{4}$/.test(sample.text.slice(start, end)) &&
            !isInTable(sample.text, run, { digits, start, end })) ||
          /\b(?:nhs|health service|patient)\b[^\d]{0,32}$/i.test(sample.before(start))
        )
      }),
    )
  },
}

/** National Insurance number; prefixes by HMRC's NIM39110. */
export const nino = patternDetector({
  type: 'nino',
  triggers: digits,
  maxLength: 13,
  pattern:
    /(?<![\w-])(?!BG|GB|NK|KN|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![\w-])/gi,
})

/** AHV/AVS number: an EAN-13 that begins with the country's 756. */
export const ahv = patternDetector({
  type: 'ahv',
  triggers: ['756'],
  maxLength: 16,
  pattern: /(?<![\w.-])756([. -]?)\d{4}\1\d{4}\1\d{2}(?!\w)/g,
  accept: (match) => (ean13(match[0].replaceAll(/\D/g, '')) ? whole(match) : undefined),
})

/** NIR (INSEE): sex, year, month, place, order, and a key modulo 97; Corsica's 2A and 2B count as 19 and 18. */
export const nir: Detector = {
  type: 'nir',
  triggers: digits,
  maxLength: 15 + maxBetween,
  find({ text, numberRuns }) {
    return numberRuns.flatMap((run) =>
      groupedNumbers(
        text,
        run,
        [15],
        1,
        (number) =>
          /^[1278]\d\d(?:0[1-9]|1[0-2]|[2-9]\d)/.test(number.digits) &&
          nirKeyHolds(number.digits) &&
          /^(?:15|13-2|1-2-2-2-3-3(?:-2|2)?)$/.test(shapeOf(text, number)) &&
          !isInTable(text, run, number),
      ),
    )
  },
}
/** Finds the NIR of people born in Corsica. */
export const corsicanNir = codeDetector({
  type: 'nir',
  lengths: [15, 15],
  pattern: /^[1278]\d{4}2[AB]\d{8}$/i,
  accept: (word) => nirKeyHolds(word.toUpperCase().replace('2A', '19').replace('2B', '18')),
})

function nirKeyHolds(digits: string): boolean {
  return 97 - (Number(digits.slice(0, 13)) % 97) === Number(digits.slice(13))
}

/** DNI and NIE: the letter says the number modulo 23. */
export const dni = codeDetector({
  type: 'dni',
  lengths: [9, 9],
  pattern: /^(?:\d{8}|[XYZ]\d{7})[A-HJ-NP-TV-Z]$/i,
  accept: dniLetterHolds,
})
/** The same with points, blanks and hyphens. */
export const dniGrouped = numberDetector(7, {
  type: 'dni',
  maxLength: 12,
  pattern: /(?<![\w.-])(?:\d{2}\.\d{3}\.\d{3}[ -]?|\d{8}[ -]|[XYZxyz]-\d{7}-?)[A-HJ-NP-TV-Z](?![\w-])/g,
  accept: (match) => (dniLetterHolds(match[0].replaceAll(/[ .-]/g, '')) ? whole(match) : undefined),
})

function dniLetterHolds(word: string): boolean {
  const letters = word.toUpperCase()
  const number = Number(letters.slice(0, -1).replace('X', '0').replace('Y', '1').replace('Z', '2'))
  return 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt(number % 23) === letters.at(-1)
}

/** What a character in an odd place counts in a codice fiscale, from 0 (which counts as A) to Z (D.M. 23/12/1976). */
const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]

/** Codice fiscale; letters for digits where two people would have the same. */
export const codiceFiscale = codeDetector({
  type: 'codice-fiscale',
  lengths: [16, 16],
  pattern: /^[A-Z]{6}[\dL-NP-V]{2}[A-EHLMPR-T][\dL-NP-V]{2}[A-Z][\dL-NP-V]{3}[A-Z]$/i,
  accept(word) {
    const compact = word.toUpperCase()
    let sum = 0
    for (let at = 0; at < 15; at++) {
      const unit = compact.charCodeAt(at)
      const value = unit < 65 ? unit - 48 : unit - 65
      sum += at % 2 === 0 ? (odd[value] ?? 0) : value
    }
    return (sum % 26) + 65 === compact.charCodeAt(15)
  },
})

const vatNamed =
  /(?:\bvat\b|ust|umsatzsteuer|mwst|\btva\b|\biva\b|\bbtw\b|partita|\bnip\b|moms|uid)[^\d\n]{0,20}$/i
const unmistakable = /^(?:ATU\d{8}|NL\d{9}B\d{2}|CHE\d{9}|ES[A-Z]\d{7}[A-Z\d])$/

const vatCountries = [
  'BE',
  'BG',
  'CY',
  'CZ',
  'DK',
  'EL',
  'ES',
  'FI',
  'FR',
  'GB',
  'HR',
  'HU',
  'IE',
  'IT',
  'LT',
  'LU',
  'LV',
  'MT',
  'NL',
  'PL',
  'PT',
  'RO',
  'SE',
  'SI',
  'SK',
] as const

/** VAT ids of the European Union, Britain and Switzerland. */
export const vatId = numberDetector(7, {
  type: 'vat-id',
  maxLength: 24,
  pattern:
    /(?<![\w-])(?:ATU ?\d{8}|CHE[- ]?\d{3}[. ]?\d{3}[. ]?\d{3}|(?:BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[ -]?(?:[A-Z\d]{2} ?)?\d{2,3}[ .]?\d{2,3}[ .]?\d{2,3}[ .]?\d{0,5}[A-Z]?\d{0,2})(?![\w-])/g,
  accept(match, sample) {
    const compact = match[0].replaceAll(/[ .-]/g, '')
    if (unmistakable.test(compact)) return whole(match)
    if (/^DE\d{9}$/.test(compact) && mod11of10(compact.slice(2))) return whole(match)
    return vatNamed.test(sample.before(match.index)) && isVat(compact) ? whole(match) : undefined
  },
})

function isVat(compact: string): boolean {
  const country = compact.slice(0, 2)
  const known = vatCountries.find((code) => code === country)
  return known
    ? validator.isVAT(compact, known) || validator.isVAT(compact.slice(2), known)
    : /^\w\w\d{9}$/.test(compact)
}
