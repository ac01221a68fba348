/** Numbers that the United States give to people: social security, and taxpayers without one. */
import { numberDetector, whole } from './detector.ts'

const called = /\b(?:ssns?|ss ?(?:#|no\b|number)|soc(?:ial)?\.? sec|social|itin|taxpayer|tax id)[^\d]{0,32}$/i
const partly = /^\d{5}-|^\d{9}$/

/**
 * With separators, or without them behind its name. Areas 000, 666 and 900 up, group 00 and serial 0000 were never
 * issued (SSA).
 */
export const usSsn = numberDetector(9, {
  type: 'ssn',
  maxLength: 11,
  pattern:
    /(?<![\w.-])(?:(?!000|666|9)\d{3}([- .])(?!00)\d{2}\1(?!0000)\d{4}|(?!000|666|9)\d{3}(?:-(?!00)\d{2}|(?!00)\d{2}-?|-(?!00)\d{2}-)(?!0000)\d{4})(?![\w-]|\.\d)/g,
  accept(match, sample) {
    const before = sample.before(match.index)
    // Five digits and four are a ZIP code as well.
    if (/^\d{9}$/.test(match[0])) return called.test(before) ? whole(match) : undefined
    if (partly.test(match[0]) && /(?:zip|postal|post|box|\b[A-Z]{2},?)[^\d\n]{0,8}$/i.test(before))
      return undefined
    return whole(match)
  },
})

/** IRS: 9xx, and a group of 50 to 65, 70 to 88, 90 to 92, 94 to 99. */
export const usItin = numberDetector(9, {
  type: 'itin',
  maxLength: 11,
  pattern: /(?<![\w.-])9\d{2}(-?)(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])(-?)\d{4}(?![\w-]|\.\d)/g,
  accept: (match, sample) =>
    match[1] || match[2] || called.test(sample.before(match.index)) ? whole(match) : undefined,
})
