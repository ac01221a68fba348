/**
 * Secrets and personal data in a text that is still being written. What they are, `detectors/` knows; this file knows
 * from where on an unfinished text may become one, from what wakes each detector: a word that has begun like a key, or
 * that follows a name such as "password"; with personal data, any word and any number.
 *
 * A detector that is woken by a single character finds what nothing announces. For it a word waits once it mixes letters
 * with digits or signs; the plain letters or digits before that have left.
 */
import { createAutomaton } from '../injection/automaton.ts'
import type { SensitiveFinder } from '../sensitive/finder.ts'
import { shippedFinder } from '../sensitive/mask.ts'
import { isDigitUnit } from '../sensitive/number-runs.ts'
import { isWordUnit } from './literals.ts'
import { contextLength, type Match, type StreamDetector } from './stream-detector.ts'

/** Of what nobody has told what it is, the name decides. */
const secretTypes = /key|token|secret|jwt|password|passphrase|credential|cookie|seed/
export function isSecret(type: string): boolean {
  return secretTypes.test(type)
}

/** Code units of a word that is no word of any language (base64, say) in which nothing has begun. */
const maxOddLength = 256
const maxRunLength = 600
const maxLiteralLength = 24

export interface Sensitive extends StreamDetector {
  /** Literals with which a secret begins, and those that stand before one or within. */
  readonly opening: readonly string[]
  readonly others: readonly string[]
  wakes(text: string): boolean
}

export interface WantedData {
  readonly secrets: boolean
  readonly pii: boolean
  /** Knows what the policy counts as personal data besides what is shipped; absent: nothing. */
  readonly finder?: SensitiveFinder
}

export function createSensitive(wanted: WantedData): Sensitive {
  const { finder = shippedFinder } = wanted
  const isWanted = (type: string) => (isSecret(type) ? wanted.secrets : wanted.pii)
  const seekers = finder.detectors.filter(({ type }) => isWanted(type))
  const looksAlways = seekers.some(({ always }) => always)
  const blanked = seekers.filter(({ hold }) => hold !== undefined)
  const triggers = [...new Set(seekers.flatMap((each) => each.triggers))]
  const literals = triggers.filter((trigger) => trigger.length > 1)
  const unannounced = seekers.some(
    ({ type, triggers }) => isSecret(type) && triggers.some(({ length }) => length === 1),
  )
  // What is sought in capitals and small letters is a name that stands before a secret, and may leave.
  const known = new Set(literals)
  const opening = literals.filter((literal) => !known.has(otherCase(literal)))
  const begun = new Set(
    opening.flatMap((literal) => [...literal].map((_, end) => literal.slice(0, end)).slice(1)),
  )
  const automaton = createAutomaton(
    literals.map((text) => ({ text, opens: false })),
    () => true,
  )
  const all = createAutomaton(
    triggers.map((text) => ({ text, opens: false })),
    () => true,
  )

  const lastLiteral = (text: string): number => {
    let last = -1
    automaton.run(text, (_literal, end) => {
      last = end
    })
    return last
  }
  const holdsTrigger = (text: string): boolean => {
    let found = false
    all.run(text, () => {
      found = true
    })
    return found
  }
  const endsInLiteral = (text: string): boolean => {
    for (let start = Math.max(0, text.length - maxLiteralLength); start < text.length; start++) {
      const unit = text.charCodeAt(start)
      if (start > 0 && isWordUnit(text.charCodeAt(start - 1)) && unit !== 0x2d) continue
      if (begun.has(text.slice(start))) return true
    }
    return false
  }

  /** Whether something not far before `start` says that what begins there is a secret. */
  const isNamed = (text: string, start: number): boolean => {
    const near = text.slice(Math.max(0, start - contextLength))
    const last = lastLiteral(near)
    if (last === -1) return false
    const between = near.slice(last, near.length - (text.length - start))
    if (near.length - last < text.length - start) return true
    // A blank line ends what a name is about, but for a block of code behind it, or what a colon or a part of a form announces.
    if (/[.!?]\s|(?<!(?::[ \t]*|")\r?)\n\s*\n(?!\s*(?:`{3}|$))/.test(between)) return false
    return /[:=]/.test(between) || (between.match(/\s+/g)?.length ?? 0) <= 3
  }

  const holdSecrets = (text: string): number => {
    const key = text.lastIndexOf('-----BEGIN')
    if (
      key !== -1 &&
      text.length - key < maxLiteralLength * 4 &&
      /^-----BEGIN[A-Z0-9 ]{0,60}-{0,5}$/.test(text.slice(key))
    )
      return key
    const wide = startOfRun(text, isWordOfAny)
    // Values behind a name are of any alphabet, keys without one of ASCII.
    if (wide < text.length && isNamed(text, wide)) return wide
    const start = startOfRun(text, isRunUnit)
    if (start === text.length) return start
    if (endsInLiteral(text)) return start
    return unannounced && isMixed(text.slice(start))
      ? Math.max(start, text.length - maxOddLength)
      : text.length
  }

  return {
    opening,
    others: literals.filter((literal) => !opening.includes(literal)),
    wakes: (text) => lastLiteral(text) !== -1,
    hold(text) {
      let from = wanted.secrets ? holdSecrets(text) : text.length
      if (wanted.pii) from = Math.min(from, holdPersonal(text))
      for (const detector of blanked) from = Math.min(from, detector.hold?.(text) ?? from)
      return from
    },
    find(text) {
      if (!looksAlways && !holdsTrigger(text)) return []
      const found: Match[] = []
      for (const { start, end, type } of finder.find(text)) {
        if (!isWanted(type)) continue
        const guard = isSecret(type) ? 'secrets' : 'pii'
        const put = `[redacted:${type}]`
        found.push(
          type === 'private-key'
            ? { start, end, type, guard, put, ends: endOfKey, isOfLines: true }
            : { start, end, type, guard, put },
        )
      }
      const long = wanted.secrets ? longToken.exec(text) : null
      if (long)
        found.push({
          start: long.index,
          end: text.length,
          type: 'jwt',
          guard: 'secrets',
          put: '[redacted:jwt]',
          ends: endOfToken,
        })
      return found
    },
  }
}

/** One that is not complete within the window: its signature is still to come, and may never. */
const longToken = /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){0,2}$(?<=[\w.-]{480})/

function endOfToken(text: string): number {
  return text.search(/[^\w.-]/)
}

function endOfKey(text: string): number {
  const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]{1,64}/.exec(text)
  return end ? end.index + end[0].length : -1
}

/** As long as an address's local part may be, with its host. */
const maxLocalLength = 64
const maxAddressLength = 320
const addressUnits = Uint8Array.from({ length: 0x10000 }, (_, unit) =>
  /[\p{L}\p{M}\p{N}.!#$%&'*+/=?^_`{|}~@:-]/u.test(String.fromCharCode(unit)) ? 1 : 0,
)
/** Digits with what people put between them, and account numbers in their groups. */
const inNumber = /[\d ()./\u00a0\u2010-\u2013-]/
const maxNumberLength = 200
const accountAtEnd = /(?:^|[^A-Za-z0-9])([A-Za-z]{2}\d{1,2}(?:[ -]?[A-Za-z0-9]{1,4}){0,8}[ -]?)$/

/**
 * Numbers with letters before or within them: the two letters of a British one, the letter of a German pension's, a day
 * with its month; and the signs with which phone numbers begin.
 */
const mixedAtEnd =
  /(?:^|[^\p{L}\p{N}])([+(]{1,2}|[A-Z]{2}[ -]?(?:\d{1,2} ?){0,3}[A-Z]?|\d{2} ?\d{6} ?[A-Z] ?\d{0,3}|\d{1,2}[.,]?(?:st|nd|rd|th)? ?(?:of )?\p{L}{1,12}[.,]? ?\d{0,4})$/u

function holdPersonal(text: string): number {
  let start = text.length
  const first = Math.max(0, text.length - maxAddressLength)
  while (start > first && addressUnits[text.charCodeAt(start - 1)] === 1) start--
  if (text.indexOf('@', start) === -1) start = Math.max(start, text.length - maxLocalLength)
  const tail = text.slice(-256)
  const number = numberAtEnd(tail)
  if (number !== -1) start = Math.min(start, text.length - tail.length + firstOf(tail, number))
  const account = accountAtEnd.exec(text.slice(-48))
  if (account?.[1] !== undefined) start = Math.min(start, text.length - account[1].length)
  const mixed = mixedAtEnd.exec(text.slice(-48))
  if (mixed?.[1] !== undefined) start = Math.min(start, text.length - mixed[1].length)
  return start
}

/** Where a number begins that may go on behind the text's end, with the signs in front of it; -1 if there is none. */
function numberAtEnd(text: string): number {
  const first = Math.max(0, text.length - maxNumberLength - 1)
  let found = -1
  for (let at = text.length - 1; at >= first && inNumber.test(text.charAt(at)); at--)
    if (isDigitUnit(text.charCodeAt(at))) found = at
  while (found > 0 && (text.charAt(found - 1) === '+' || text.charAt(found - 1) === '(')) found--
  return found
}

/** That looks only so far back: on to the first of the digits. */
function firstOf(text: string, index: number): number {
  let at = index
  while (at > 0 && /[\d ()./\u00a0\u2010-\u2013+-]/.test(text.charAt(at - 1))) at--
  while (at < index && text.charAt(at) === ' ') at++
  return at
}

/** Where the run of such units begins that the text ends with, as far as it may reach. */
function startOfRun(text: string, isOne: (unit: number) => boolean): number {
  let start = text.length
  for (const first = Math.max(0, text.length - maxRunLength); start > first; start--)
    if (!isOne(text.charCodeAt(start - 1))) break
  return start
}

/** All but blanks and controls. */
function isWordOfAny(unit: number): boolean {
  if (unit < 0x80) return isRunUnit(unit)
  return (
    unit > 0xa0 &&
    unit !== 0x3000 &&
    !(unit >= 0x2000 && unit <= 0x200a) &&
    unit !== 0x2028 &&
    unit !== 0x2029
  )
}

/** What keys are made of: ASCII without blanks. */
function isRunUnit(unit: number): boolean {
  return unit > 0x20 && unit < 0x7f
}

/** Small letters where the first is a capital, and the other way round. */
function otherCase(literal: string): string {
  const first = literal.charAt(0)
  const other = first === first.toLowerCase() ? first.toUpperCase() : first.toLowerCase()
  return other + literal.slice(1).toLowerCase()
}

/** Letters with digits, or with the signs that keys have within them. */
function isMixed(word: string): boolean {
  return /[A-Za-z]/.test(word) && /[\d_+/=]/.test(word)
}
