/** International bank account numbers (ISO 13616): the length of their country and check digits that hold. */
import { mod97 } from './check-digits.ts'
import { numberDetector } from './detector.ts'

/** SWIFT's IBAN registry. */
const lengths: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)
/** In one piece; Malta and Saint Lucia have letters in between. */
const minDigits = 7
/** Country and check digits; then, with single separators, as many as the longest has and more. */
const candidate = /(?<![A-Za-z0-9])(?:[A-Za-z]{2}[ -]?\d{2})(?:[ .\u00a0\u202f-]?[A-Za-z0-9]){11,29}/g

/** Finds IBANs of any country in the registry. */
export const iban = numberDetector(minDigits, {
  type: 'iban',
  maxLength: 68,
  pattern: candidate,
  greedy: true,
  accept(match, { text }) {
    const length = lengths.get(match[0].slice(0, 2).toUpperCase()) ?? Number.POSITIVE_INFINITY
    let end = match.index
    let compact = ''
    // A word behind the number may look like its last group: no more than the country's length is read.
    for (; compact.length < length && end < match.index + match[0].length; end++)
      if (/[A-Za-z0-9]/.test(text.charAt(end))) compact += text.charAt(end)
    if (compact.length !== length || /[A-Za-z0-9]/.test(text.charAt(end))) return undefined
    return mod97(compact.slice(4) + compact.slice(0, 4)) === 1 ? { start: match.index, end } : undefined
  },
})
