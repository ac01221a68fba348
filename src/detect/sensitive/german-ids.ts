/**
 * Numbers that Germany gives to people: tax id, tax number, pension and health insurance, identity card, passport.
 * A document's number without its check digit, and no word in front that names it, stays.
 */
import validator from 'validator'
import { icaoCheck, mod11of10, weightedDigitSums } from './check-digits.ts'
import { codeDetector, type Detector, digits, numberDetector, whole } from './detector.ts'
import { groupedNumbers, isInTable, maxBetween, shapeOf } from './number-runs.ts'

/** Steuerliche Identifikationsnummer: eleven digits, the last a check digit (ISO/IEC 7064, MOD 11,10). */
export const germanTaxId: Detector = {
  type: 'german-tax-id',
  triggers: digits,
  maxLength: 11 + maxBetween,
  find(sample) {
    const { text } = sample
    return sample.numberRuns.flatMap((run) =>
      groupedNumbers(
        text,
        run,
        [11],
        2,
        (number) =>
          (taxIdNamed.test(sample.before(number.start)) && mod11of10(number.digits)) ||
          (validator.isTaxID(number.digits, 'de-DE') &&
            /^(?:11|2-3-3-3)$/.test(shapeOf(text, number)) &&
            !isInTable(text, run, number)),
      ),
    )
  },
}

const taxIdNamed = /(?:steuer|ident|idnr|id-nr|tin|tax)[^\d\n]{0,32}$/i
const taxNumberNamed =
  /(?:steuer-?(?:nummer|nr)|st\.? ?-?nr|finanzamt|tax (?:number|no|id)|steuerliche|identifikationsnummer)[^\d\n]{0,24}$/i

/** Steuernummer, as the states write it; without strokes (13 digits, ELSTER; 11) behind its name. */
export const germanTaxNumber = numberDetector(10, {
  type: 'german-tax-number',
  maxLength: 14,
  pattern:
    /(?<![\w/.-])(?:\d{2,3}[/ ]\d{3}[/ ]\d{5}|\d{3}[/ ]\d{4}[/ ]\d{4}|\d{5}\/\d{5}|\d{10,13})(?![\w/-])/g,
  accept: (match, sample) =>
    /\/.*\//.test(match[0]) || taxNumberNamed.test(sample.before(match.index)) ? whole(match) : undefined,
})

/** Rentenversicherungsnummer (VKVV § 2): area, birthday, initial, serial, check digit. */
export const germanPension = numberDetector(8, {
  type: 'german-social-insurance',
  maxLength: 16,
  pattern:
    /(?<![\w-])\d{2}[ -]?(?:[0-3]\d|[5-8]\d)(?:0\d|1[0-2])\d{2}[ -]?[A-Za-z][ -]?\d{2}[ -]?\d(?![\w-])/g,
  accept(match) {
    const compact = match[0].replaceAll(/[ -]/g, '').toUpperCase()
    const numbers = compact.replace(/[A-Z]/, alphabetical)
    const sum = weightedDigitSums(numbers.slice(0, -1), [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
    return sum % 10 === Number(numbers.at(-1)) ? whole(match) : undefined
  },
})

/** Krankenversichertennummer (SGB V § 290): a letter, eight digits, a check digit. */
export const germanHealth = codeDetector({
  type: 'german-health-insurance',
  lengths: [10, 10],
  pattern: /^[A-Z]\d{9}$/,
  accept(word) {
    const numbers = word.replace(/[A-Z]/, alphabetical)
    return weightedDigitSums(numbers.slice(0, -1), [1, 2]) % 10 === Number(numbers.at(-1))
  },
})

const documentNamed =
  /(?:ausweis\w{0,12}|pass(?:port|nummer|nr|-nr)?|reisepass|id[- ]?card|identity card|id[- ]?number|dokumentennummer|seriennummer|id)(?:\W[^\d\n]{0,28})?$/i

/** Personalausweis (L to Z, or the old ten digits and D) and Reisepass (C to K): letters that are no vowels. */
export const germanDocument = codeDetector({
  type: 'german-id',
  lengths: [9, 11],
  pattern: /^(?:[CFGHJ-NPRTV-Z][CFGHJ-NPRTV-Z\d]{8}\d?|\d{10}D)$/i,
  accept(word, sample, start) {
    if (!/\d.*\d.*\d/.test(word)) return false
    if (documentNamed.test(sample.before(start))) return true
    return !/D$|[a-z]/.test(word) && icaoCheck(word.slice(0, -1)) === Number(word.at(-1))
  },
})

/** A is 01. */
function alphabetical(letter: string): string {
  return String(letter.charCodeAt(0) - 64).padStart(2, '0')
}
