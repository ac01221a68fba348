/** Payment card numbers: 13 to 19 digits of a known issuer whose Luhn check digit (ISO/IEC 7812-1) holds. */
import validator from 'validator'
import { type Detector, digits } from './detector.ts'
import { standsAlone } from './number-runs.ts'

export const card: Detector = {
  type: 'card',
  triggers: digits,
  find({ text, numberRuns }) {
    const spans = []
    for (const run of numberRuns) {
      for (let from = 0; from + 13 <= run.digits.length; from++) {
        // Cards are printed in groups of three digits and more, and begin where a group begins.
        if (from > 0 && run.at[from - 1] === (run.at[from] ?? 0) - 1) continue
        if ((run.at[from + 2] ?? 0) - (run.at[from] ?? 0) !== 2) continue
        // Longest first: a shorter number inside a longer one is a coincidence.
        const to = [19, 18, 17, 16, 15, 14, 13].find(
          (length) =>
            from + length <= run.digits.length &&
            standsAlone(text, run, from, from + length) &&
            validator.isCreditCard(run.digits.slice(from, from + length)),
        )
        if (to === undefined) continue
        spans.push({ start: run.at[from] ?? 0, end: (run.at[from + to - 1] ?? 0) + 1 })
        from += to - 1
      }
    }
    return spans
  },
}
