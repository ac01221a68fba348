/**
 * A value behind a name that says it is secret: `password = …`, `"api_key": "…"`, `--token …`, `Authorization: …`. The
 * name has to end with the word, or a `publicKeyName` would do; the value must look like one (`judge.ts`), or every
 * manual and template would be masked. Not: passwords that are plain words.
 */
import type { Span } from '../../core/text.ts'
import { anyCase, type Detector, namedValue, placedDetector, reach, type Sample } from './detector.ts'
import { isPlaceholder, looksDrawn } from './judge.ts'

/** What may still follow the word in a name. */
const suffix =
  '(?:s|wor[dt]|d|code|(?:[_-]?(?:value|string|data|hash|b(?:ase)?64|test|prod|live|dev|staging|new|old|\\d{1,2})){1,2})?'
/** Quotes, brackets, and the marks of Markdown. */
const closing = '(?:\\\\{0,3}["\'`\\]*_]){0,4}'
const marks = '[*_]{0,3}'
const sign = '(?:=>|:=|\\?=|:{1,3}=?|={1,3}|,|\\|\\|)'
/** The end of an element and the beginning of the next one: `<b>Password:</b>`, `<td>Password</td><td>`. */
const elements = ':?(?:</?[A-Za-z][A-Za-z0-9]{0,9}>\\s{0,4}){1,4}:?\\s{0,4}'
/** Behind the first cell of a table's row in Markdown; anywhere else it is a pipe of a shell. */
const nextCell = '(?<=(?:^|\\n)[ \\t>]{0,8}\\|[^|\\n]{0,48})[ \\t]{0,8}\\|[ \\t]{0,8}'
const assigned = `[ \\t]{0,8}${sign}${marks}\\s{0,8}|">|["'] value=|>|${elements}|${nextCell}`
const is = ' (?:is|ist|lautet|est|es|è|=)(?: now| jetzt|:)?'
const told = `${is} `
const scheme =
  '(?:(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Tt]oken|[Aa]pi-?[Tt]oken|[Aa]pi-?[Kk]ey|[Dd]igest|Splunk|SSWS)[ =]{1,2})?'
const opening = `\\\\{0,3}(?:["'\`]{1,3}${marks}|${marks}["'\`]{0,3})`
const stops = '\\s"\'`,;<>()[\\]&|\\\\'
const restOfWord = new RegExp(`[^${stops}]+`, 'y')
/** What ends a value in prose. */
export const endOfValue = new RegExp(`[${stops}*]`)
/** Not the stars that end what is printed bold. */
const value = `(?<value>(?:[^${stops}*]|\\*(?!\\*{1,2}(?:[\\s|<,.;)]|$))|\\|(?=\\w)|&(?![\\w.-]{1,32}=)){6,256})`
/** In a block of code, all of its line: other lines are commands. */
const fenced = `(?:${is})?:?${marks}\\s{0,8}\`{3}[a-z]{0,12}\\n[ \\t]{0,8}(?=\\S{6,256}[ \\t\\r]?(?:\\n|$))`
const from = (name: string, join: string) =>
  new RegExp(`${name}${closing}(?:(?:${join})${scheme}${opening}|${fenced})${value}`, 'y')

/** In front of the word, these make it a name of something that everybody may know. */
const harmless =
  /(?:public|pub|csrf|xsrf|primary|foreign|unique|sort|partition|cache|(?<!bit)bucket|row|(?<!site)map|hot|dict|index|schema|field|lookup|group|object|next|page|continuation|column|(?<!air)table|short|max|min|eos|bos|pad|stop|special|translation|i18n|storage|sequence|stream|registry|mon|tur|don)[_\- ]?(?:key|auth|token|secret|credential)$/i

/** The name as far as the word, with it. */
function nameOf(sample: Sample, match: RegExpExecArray): string {
  const value = match.index + match[0].length - (match.groups?.value?.length ?? 0)
  return /[\w. -]{0,48}$/.exec(sample.text.slice(Math.max(0, value - reach), match.index))?.[0] ?? ''
}

const isDotted = /^[A-Za-z_$][\w$.]*$/
const longestValue = 256
const masked = /^k[a-z2-7]{12}$/

/** Weak words ask for more of a value than strong ones. */
function judged(fewest: number, isValue: (value: string) => boolean) {
  return (match: RegExpExecArray, sample: Sample): Span | undefined => {
    const span = namedValue(match)
    const found = match.groups?.value ?? ''
    if (!span || found.length < fewest || isPlaceholder(found)) return undefined
    // What a masker put there: `<api-key:k7f3…>`.
    if (masked.test(found) && sample.text.charAt(span.end) === '>') return undefined
    // A function that is called: `token = nextToken(`.
    if (isValue !== chosen && isDotted.test(found) && sample.text.charAt(span.end) === '(') return undefined
    if (!isValue(found) || harmless.test(nameOf(sample, match))) return undefined
    return found.length < longestValue ? span : { start: span.start, end: endOfWord(sample.text, span.end) }
  }
}

/** A value that is longer than any pattern goes on to where its word ends. */
function endOfWord(text: string, from: number): number {
  restOfWord.lastIndex = from
  return restOfWord.test(text) ? restOfWord.lastIndex : from
}

const chosen = (value: string) =>
  /[A-Za-z]/.test(value) && /[\d!@#$%^&*?~+]/.test(value) && !/^\w+\.\w+\(?|[({]/.test(value)

const secretWords = anyCase('secret', 'token', 'credential')
const passwordWords = anyCase(
  'passw',
  'pwd',
  'passphrase',
  'kennwort',
  'contraseña',
  'wachtwoord',
  'mot de passe',
)

const keyWords = anyCase('key', 'auth', 'login')
/** What stands in the name of a secret, as its detectors know it. */
export const secretNames: readonly string[] = [...passwordWords, ...secretWords, ...keyWords]

export const namedPassword = placedDetector({
  type: 'secret',
  triggers: passwordWords,
  longest: 256,
  pattern: from(
    '(?:or[dt]|d|oort|wort)?(?:s|[_-]?(?:value|hash|new|old|confirm|confirmation|\\d{1,2}))?',
    `${assigned}|${told}| `,
  ),
  accept: judged(6, chosen),
})

export const namedSecret = placedDetector({
  type: 'secret',
  triggers: secretWords,
  longest: 256,
  pattern: from(suffix, `${assigned}|${told}| `),
  accept: judged(10, looksDrawn),
})

export const namedKey = placedDetector({
  type: 'secret',
  triggers: keyWords,
  longest: 256,
  pattern: from(suffix, assigned),
  accept(match, sample) {
    const strong =
      /(?:api|access|secret|private|encryption|signing|auth|master|account|licen[cs]e|service|admin)[_\- ]?(?:key|auth)$/i
    const few = strong.test(nameOf(sample, match)) ? 10 : 16
    return judged(few, looksDrawn)(match, sample)
  },
})

/** Bundler's credentials for a host, `BUNDLE_GEMS__EXAMPLE__COM=name:password`. */
export const bundlerHost = placedDetector({
  type: 'secret',
  triggers: ['__COM', '__ORG', '__NET', '__IO', '__DEV'],
  longest: 200,
  pattern: /["']?[ \t]{0,2}[:=][ \t]{0,2}["']?(?<value>[^\s"':&;]{3,64}:[^\s"':&;]{3,128})/y,
  accept: (match) => (isPlaceholder(match.groups?.value ?? '') ? undefined : namedValue(match)),
})

/** RFC 9110, 11.6.2, and headers like it; whatever stands there is a credential, unless it stands for one. */
export const authorization = placedDetector({
  type: 'secret',
  triggers: [...anyCase('authorization'), 'earer '],
  longest: 256,
  pattern: new RegExp(
    `(?:${closing}(?:[ \\t]{0,8}[:=,]>?[ \\t]{0,8})${opening}${scheme}|(?<=earer ))${value}`,
    'y',
  ),
  accept: judged(8, (found) => /\d|=$/.test(found) || looksDrawn(found)),
})

/** `curl -u name:password`, and a name alone that is drawn. */
export const commandLineUser = placedDetector({
  type: 'secret',
  triggers: [' -u ', '--user ', '--user='],
  longest: 200,
  pattern: /\s{0,3}["']?(?<value>[^\s"':]{0,64}["']?:["']?[^\s"']{0,128})/y,
  accept(match) {
    const span = namedValue(match)
    const [user = '', ...rest] = (match.groups?.value ?? '').split(':')
    const password = rest.join(':').replaceAll(/^["']|["']$/g, '')
    const secret = password === '' ? user : password
    if (
      secret.length < 6 ||
      isPlaceholder(secret.replace(/^\{/, '')) ||
      !chosen(secret.replaceAll(/[{}]/g, ''))
    )
      return undefined
    return span
  },
})

/** Session cookies and the first pair of a `Cookie` header. */
export const cookie: Detector = placedDetector({
  type: 'cookie',
  triggers: [...anyCase('session', 'sessid', 'cookie'), 'sid=', 'SID='],
  longest: 256,
  pattern:
    /(?:[_-]?(?:id|key|token|state|cookie))?(?:(?:: ?|=)[\w.-]{1,40})?(?:=|(?<==))(?<value>[\w%.~+/:-]{12,256}=?)/iy,
  accept: judged(12, looksDrawn),
})
