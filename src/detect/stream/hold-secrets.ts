/** From where on the end of an unfinished text may become a secret: a key that has begun, a value behind a name. */
import { type Automaton, createAutomaton } from '../injection/automaton.ts'
import { isWordUnit } from './literals.ts'
import { contextLength } from './stream-detector.ts'

/** Code units of a word that is no word of any language (base64, say) in which nothing has begun. */
const maxOddLength = 256
const maxRunLength = 600
const maxLiteralLength = 24

/** What of secrets is told by literals: names in front of them, and the beginnings of keys. */
export class SecretLiterals {
  /** Literals with which a secret begins, and those that stand in front of one or within. */
  readonly opening: readonly string[]
  readonly others: readonly string[]
  readonly #automaton: Automaton
  /** Every beginning of those that open. */
  readonly #begun: ReadonlySet<string>
  readonly #unannounced: boolean

  /** @param unannounced whether secrets are looked for that no literal tells */
  constructor(literals: readonly string[], unannounced: boolean) {
    // What is looked for in capitals and small letters is a name that stands in front of a secret, and may leave.
    const known = new Set(literals)
    this.opening = literals.filter((literal) => !known.has(otherCase(literal)))
    this.others = literals.filter((literal) => known.has(otherCase(literal)))
    this.#begun = new Set(
      this.opening.flatMap((literal) => [...literal].map((_, end) => literal.slice(0, end)).slice(1)),
    )
    this.#automaton = createAutomaton(
      literals.map((text) => ({ text, opens: false })),
      () => true,
    )
    this.#unannounced = unannounced
  }

  /** Tells whether one of them stands in the text. */
  standIn(text: string): boolean {
    return this.#last(text) !== -1
  }

  /** Resolves the place from which the text is to be held; its length if nothing has begun. */
  hold(text: string): number {
    const key = text.lastIndexOf('-----BEGIN')
    if (
      key !== -1 &&
      text.length - key < maxLiteralLength * 4 &&
      /^-----BEGIN[A-Z0-9 ]{0,60}-{0,5}$/.test(text.slice(key))
    )
      return key
    const wide = startOfRun(text, isWordOfAny)
    // Values behind a name are of any alphabet, keys without one of ASCII.
    if (wide < text.length && this.#isNamed(text, wide)) return wide
    const start = startOfRun(text, isRunUnit)
    if (start === text.length || this.#endsInBegun(text)) return start
    return this.#unannounced && isMixed(text.slice(start))
      ? Math.max(start, text.length - maxOddLength)
      : text.length
  }

  /** Behind the last literal in the text, or -1. */
  #last(text: string): number {
    let last = -1
    this.#automaton.run(text, (_literal, end) => {
      last = end
    })
    return last
  }

  #endsInBegun(text: string): boolean {
    for (let start = Math.max(0, text.length - maxLiteralLength); start < text.length; start++) {
      const unit = text.charCodeAt(start)
      if (start > 0 && isWordUnit(text.charCodeAt(start - 1)) && unit !== 0x2d) continue
      if (this.#begun.has(text.slice(start))) return true
    }
    return false
  }

  /** Whether something not far before `start` says that what begins there is a secret. */
  #isNamed(text: string, start: number): boolean {
    const near = text.slice(Math.max(0, start - contextLength))
    const last = this.#last(near)
    if (last === -1) return false
    const between = near.slice(last, near.length - (text.length - start))
    if (near.length - last < text.length - start) return true
    // A blank line ends what a name is about, but for a block of code behind it, or what a colon or a part of a form announces.
    if (/[.!?]\s|(?<!(?::[ \t]*|")\r?)\n\s*\n(?!\s*(?:`{3}|$))/.test(between)) return false
    return /[:=]/.test(between) || (between.match(/\s+/g)?.length ?? 0) <= 3
  }
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
