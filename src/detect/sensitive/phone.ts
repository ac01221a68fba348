/**
 * Phone numbers: with a calling code that exists (by the metadata of libphonenumber) anywhere, national ones in the
 * shapes people write them in, and other digits only where a word says that they are one.
 *
 * Shapes and not each country's plan: whether a number was ever given out is not what makes it personal, and asking
 * the library about one takes 20 µs. Does not know numbers without a calling code, a leading 0, or such a word, but
 * for North America's.
 */
import { getCountries, getCountryCallingCode } from 'libphonenumber-js/min'
import { type Detector, digits, type Sample } from './detector.ts'
import { isInTable, type NumberRun } from './number-runs.ts'

const callingCodes: ReadonlySet<string> = new Set(
  getCountries().map((country) => getCountryCallingCode(country)),
)

/** Words that announce a number, in the languages of the countries whose numbers have no calling code in front. */
const words = [
  'phone|(?<![a-z])(?:t[eé]l|mob|cell|fax|call|ring|dial|desk|sms|text me|reach|gsm|hotline|whatsapp|signal|contact)',
  '(?<![a-z])(?:office|messages? to|answering|answer|my number|number is|ruf|anruf|handy|nummer lautet)',
  '(?<![a-z])(?:appel|portable|joignable|joindre|mon numéro|n° de t|movil|móvil|celular|ll[aá]m[ae]|tfno|mi número)',
  '(?<![a-z])(?:chiam|il mio numero|ligue|ligar|telem[oó]vel|meu número|tlf|bel(?:len)?(?= )|mijn nummer|mobiel)',
  '(?<![a-z])(?:kom\\.|komórk|(?:za)?dzwo[nń]|pod nume?r|numer to|zavolej|volejte|hív)',
  'telefon|telefoon|teléfono|téléphone|mobil|телефон|(?<!\\p{L})(?:тел|звон|моб|номер)|τηλ|电话|電話|手机|手機|전화|연락처|휴대폰',
].join('|')
const named = new RegExp(`(?:${words})[^\\d\\n]{0,28}[\\n]?[^\\d\\n]{0,12}$`, 'iu')
/** Words that make a number something else, however near the others stand. */
const otherwise =
  /(?:order|invoice|ticket|serial|article|isbn|issn|version|rechnung|bestell|artikel|[€$£#])[^\d]{0,16}$|(?:stack|depth|sheet|model|size|bytes|offset|line|port|pid|uid|index|row|column|block|epoch|status|count|length)[^\d\n]{0,4}$/i

const extension = '(?: {0,2}(?:x|ext\\.?|Ext\\.?|#|DW|-) ?\\d{1,5})?'
const gap = '[ ./\\u00a0\\u2010-\\u2013-]'
const shapes = new RegExp(
  `(?<![\\p{L}\\p{N}_.=$€£@&?/%-]|\\d[,:])(?:${[
    `(?<international>(?:\\+|00)\\(?[1-9](?:${gap}{0,2}\\(?\\d\\)?){6,14})`,
    `(?<american>(?:1[ .-])?(?:\\([2-9]\\d\\d\\) ?[- ]?|[2-9]\\d\\d[-. \\u2010-\\u2013])\\d{3}[-. \\u2010-\\u2013]\\d{4})`,
    `(?<zero>(?!0\\d*\\.\\d+(?![.\\d]))(?:\\(0\\d{1,3}[ -]\\d{2}\\) |\\(?0\\d{1,5}\\)?(?: ?[/-] ?|\\.)|\\(0\\d{1,5}\\) {1,2}|0\\d{1,4} {1,2})\\d{2,8}(?:[ .-]\\d{2,4}){0,4})`,
    `(?<bare>\\(?\\d{1,13}\\)?(?:${gap}{1,2}\\(?\\d{2,8}\\)?){0,5})`,
  ].join('|')})${extension}(?![\\p{L}\\p{N}_]|[.,:]\\d)`,
  'gu',
)

/** Digits of a number without its area. */
const fewest = 7

/** Finds phone numbers. */
export const phone: Detector = {
  type: 'phone',
  triggers: digits,
  maxLength: 72,
  find(sample) {
    const spans = []
    for (const run of sample.numberRuns) {
      const from = Math.max(0, run.start - 4)
      // Its own digits, what may stand before and behind them, and no more: each run is looked at once.
      const near = sample.text.slice(from, run.end + 8)
      shapes.lastIndex = 0
      for (let match = shapes.exec(near); match; match = shapes.exec(near)) {
        const start = from + match.index
        if (start >= run.end) break
        if (match[0].length < fewest) continue
        const length = phoneLength(match, sample, run, start)
        if (length > 0) spans.push({ start, end: start + length })
      }
    }
    return spans
  },
}

/** Units of a match that are a phone number: another number may follow behind a blank. */
function phoneLength(match: RegExpExecArray, sample: Sample, run: NumberRun, start: number): number {
  const before = sample.before(start)
  const groups: Groups = { ...match.groups }
  const isFree = (length: number) =>
    named.test(before) || !isInTable(sample.text, run, { start, end: start + length, digits: '' })
  if (isPhone(groups, before))
    return groups.international?.startsWith('+') || isFree(match[0].length) ? match[0].length : 0
  const kind = groups.zero === undefined ? 'bare' : 'zero'
  let shown = groups[kind] ?? ''
  for (let cut = shown.lastIndexOf(' '); cut > 0; cut = shown.lastIndexOf(' ')) {
    shown = shown.slice(0, cut)
    if (isPhone({ [kind]: shown }, before) && isFree(shown.length)) return shown.length
  }
  return 0
}

type Groups = Readonly<Partial<Record<'international' | 'american' | 'zero' | 'bare', string>>>

function isPhone({ international, american, zero, bare }: Groups, before: string): boolean {
  if (otherwise.test(before)) return false
  if (international !== undefined) return isInternational(international, before)
  const shown = american ?? zero ?? bare ?? ''
  if (isDateOrAddress(shown)) return false
  const { length } = shown.replaceAll(/\D/g, '')
  const isNamed = named.test(before)
  // No exchange of North America begins with 0 or 1; brackets and dots say enough by themselves.
  if (american !== undefined) return isNamed || /[().]|^(?:1.)?\d{3}.[2-9]/.test(american)
  if (zero !== undefined && length >= 9 && length <= 12 && !shown.startsWith('00'))
    return isNamed || !(socialSecurity.test(shown) || grouped.test(before))
  return length >= 7 && length <= 13 && isNamed
}

const socialSecurity = /^\d{3}[- ]\d{2}[- ]\d{4}$/
/** A group with digits and a blank in front: the number goes on from there, as account numbers do. */
const grouped = /[A-Za-z]*\d[A-Za-z\d]* $|(?<![A-Z\d])[A-Z]{2}\d{2} (?:[A-Z\d]{4} ){0,7}$/

/** E.164: at most 15 digits. */
function isInternational(shown: string, before: string): boolean {
  const number = shown.replaceAll(/\D/g, '').replace(/^00/, '')
  if (number.length < 8 || number.length > 15) return false
  // Zeros in front are how data is filled up, too.
  if (!shown.startsWith('+') && (!/\D/.test(shown) || grouped.test(before)) && !named.test(before))
    return false
  return [1, 2, 3].some((length) => callingCodes.has(number.slice(0, length)))
}

function isDateOrAddress(shown: string): boolean {
  return /^\(?(?:[12]\d{3}[-./]\d{1,2}[-./]\d{1,2}(?!\d)|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d(?!\d)|\d{1,3}(?:\.\d{1,3}){3}$)/.test(
    shown,
  )
}
