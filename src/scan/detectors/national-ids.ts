/** Numbers that states give to people: US social security number, German tax id. */
import validator from 'validator'
import { type Detector, digits, numberDetector, patternDetector } from './detector.ts'
import { standsAlone } from './number-runs.ts'

/** With separators, or without them behind its name. Areas 000, 666 and 900 up were never issued (SSA). */
export const usSsn = numberDetector(
  'ssn',
  9,
  /(?<![\w.-])(?!000|666|9)\d{3}([- .])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])/g,
)

export const usSsnNamed = patternDetector(
  'ssn',
  ['ssn', 'SSN', 'social', 'Social', 'SOCIAL'],
  /(?:\bssn|social security(?: number| no)?)\W{0,6}(?:is|number|no)?\W{0,4}((?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4})(?!\w)/gi,
  (match) => ({ start: match.index + match[0].length - 9, end: match.index + match[0].length }),
)

/** Steuerliche Identifikationsnummer: eleven digits, the last a check digit (ISO/IEC 7064, MOD 11,10). */
export const germanTaxId: Detector = {
  type: 'german-tax-id',
  triggers: digits,
  find({ text, numberRuns }) {
    return numberRuns
      .filter((run) => run.digits.length === 11 && standsAlone(text, run, 0, 11))
      .filter((run) => validator.isTaxID(run.digits, 'de-DE'))
      .map(({ start, end }) => ({ start, end }))
  },
}
