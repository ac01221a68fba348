/**
 * How the value behind the name of a secret is written, and which part of it is the value. What stands in quotes, in an
 * element, in a query or alone on a line may hold any sign; anything else ends where a word of prose or code does.
 */
import type { Span } from '../../core/text.ts'
import { namedValue, reach, type Sample } from './detector.ts'
import { isExpression, isPlaceholder, looksChosen, looksStrong } from './judge.ts'

const stops = '\\s"\'`,;<>()[\\]&|\\\\'
const restOfWord = new RegExp(`[^${stops}]+`, 'y')
/** What ends a value in prose. */
export const endOfValue = new RegExp(`[${stops}*]`)
const maxValueLength = 256
const times = `{6,${maxValueLength}}`

/** Up to the quote that closes it, but for one that is escaped; a quote that is escaped itself ends at such a one. */
const quoted = [
  `(?<=(?<!\\\\)")(?:[^\\s"\\\\]|\\\\(?=\\S)|(?<=\\\\)")${times}`,
  `(?<=(?<!\\\\)')(?:[^\\s'\\\\]|\\\\(?=\\S)|(?<=\\\\)')${times}`,
  `(?<=\\\\["'])(?:[^\\s"'\\\\]|\\\\(?!["'\\s]))${times}`,
  `(?<=\`)[^\\s\`]${times}`,
]
/** `NAME=value` or `name: value`, with nothing else on the line. */
const onItsLine =
  '(?<=(?:^|\\n)[ \\t]{0,12}(?:(?:export|set|setx|env|arg|-) )?[\\w.-]{1,40}(?:[=:]|:[ \\t]{1,2}|[ \\t]=[ \\t]))' +
  `[^\\s"'\`\\\\]{5,${maxValueLength - 1}}[^\\s"'\`\\\\,;](?=\\r?(?:\\n|$))`
const inElement = `(?<=>)[^\\s"'\`<>]${times}(?=</)`
const inQuery = `(?<=[?&][\\w.-]{1,40}=)[^\\s"'\`&#<>,;|\\\\]${times}`
/** In quotes with its name: `-e "DB_PASSWORD=…"`, `-H "X-Api-Key: …"`. */
const inQuotedPair = ['"', "'"].map(
  (quote) =>
    `(?<=${quote}[\\w.-]{1,40}(?:=|:[ \\t]?))(?:[^\\s${quote}\\\\&]|&(?![\\w.-]{1,32}=))${times}(?=${quote})`,
)
/** A pair of a connection string: `Server=db;Pwd=…;`. */
const inConnection = `(?<=;[ \\t]?[\\w -]{1,32}=)[^\\s"'\`;]${times}(?=;)`
/** Not the stars that end what is printed bold. */
const inProse = `(?:[^${stops}*]|\\*(?!\\*{1,2}(?:[\\s|<,.;)]|$))|\\|(?=\\w)|&(?![\\w.-]{1,32}=))${times}`

/** Source of the group `value`. */
export const value = `(?<value>${[...quoted, inElement, ...inQuotedPair, inQuery, inConnection, onItsLine, inProse].join('|')})`

const masked = /^k[a-z2-7]{12}$/

/** What is judged: the value, and whether it stands in quotes, where no expression of a program does. */
export type IsValue = (value: string, isQuoted: boolean) => boolean

/**
 * @param fewest units; weak words ask for more of a value than strong ones
 * @param isHarmless of what the name says as far as its last word
 */
export function judged(
  fewest: number,
  isValue: IsValue,
  isHarmless: (name: string) => boolean = () => false,
) {
  return (match: RegExpExecArray, sample: Sample): Span | undefined => {
    const span = namedValue(match)
    const found = match.groups?.value ?? ''
    if (!span || found.length < fewest || isPlaceholder(found)) return undefined
    const after = sample.text.charAt(span.end)
    // What a masker put there: `<api-key:k7f3…>`.
    if (masked.test(found) && after === '>') return undefined
    const isQuoted = /["'`]/.test(sample.text.charAt(span.start - 1))
    // Quotes that close a text, of which the name was the end: `"password="+value`.
    if (isQuoted && /^[+,;:).}\]&|=]/.test(found)) return undefined
    if (isExpression(found, after, isQuoted)) return undefined
    if (!isValue(found, isQuoted) || isHarmless(nameOf(sample, match))) return undefined
    return found.length < maxValueLength ? span : { start: span.start, end: endOfWord(sample.text, span.end) }
  }
}

/** A value that is longer than any pattern goes on to where its word ends. */
function endOfWord(text: string, from: number): number {
  restOfWord.lastIndex = from
  return restOfWord.test(text) ? restOfWord.lastIndex : from
}

/** The name as far as the word, with it. */
export function nameOf(sample: Sample, match: RegExpExecArray): string {
  const start = match.index + match[0].length - (match.groups?.value?.length ?? 0)
  return /[\w. -]{0,48}$/.exec(sample.text.slice(Math.max(0, start - reach), match.index))?.[0] ?? ''
}

/** Judges what stands behind a word for passwords. */
export const isPassword: IsValue = (found, isQuoted) => looksChosen(found, isQuoted)
/** Judges what stands behind a word that is less certain. */
export const isStrong: IsValue = looksStrong
