/**
 * A text as somebody reads it who undoes its disguises: the escapes of JSON (`\n`, `\"`, `\u0040`, also escaped again),
 * of URLs (`%40`, `%C3%BC`, also escaped again) and of HTML (`&#64;`, `&commat;`), digits of other scripts and
 * full-width forms. A tool's arguments are JSON inside JSON, where the `n` of a `\n` would pass for a letter in front of
 * a card number. Never leaves the process; it is only looked at.
 *
 * Of a long text only what stands near something undone, or near what nobody sees, is read again; the latter stays, for
 * `strip-invisible.ts` to leave out. Not undone: base64, and letters that merely look like others.
 */
import { eachUnit, unitSet } from '../../core/code-units.ts'
import { unseenUnits } from '../../core/strip-invisible.ts'
import type { Span } from '../../core/text.ts'

/** A text with its escapes undone, and where each part of it stands in the escaped one. */
export interface Unescaped {
  readonly text: string
  /** Nothing was undone: the text as it came, as far as it stands near what nobody sees. */
  readonly asItCame: boolean
  /** The same place in the escaped text. */
  original(span: Span): Span
}

/** As far from an escape as something that it is part of may reach, and what decides about that. */
const around = 640

/** Escapes may be escaped in their turn; more backslashes than these are no JSON of anybody. */
const json = String.raw`\\{1,8}(?:u(?<unit>[0-9a-fA-F]{4})|(?<letter>[nrtbf"'/]))`
const url = '(?<octets>(?:%(?:25){0,4}[0-9a-fA-F]{2}){1,4})'
const named = 'commat|period|amp|quot|apos|nbsp|colon|plus|num|lpar|rpar|hyphen|dash|sol|lowbar|equals|lt|gt'
const html = String.raw`&(?:#(?<decimal>\d{2,6})|#[xX](?<hexadecimal>[0-9a-fA-F]{2,5})|(?<entity>${named}));`
/** Full-width forms; Arabic, Persian and Devanagari digits; two more that stand for `@` and `.`. */
const wide = String.raw`(?<wide>[\uff01-\uff5e\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\ufe6b\u2024])`
const escapes = new RegExp([json, url, html, wide].join('|'), 'y')
/** What any of them begins with: looked for by itself, because it is found much faster. */
const beginning = /[\\%&\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u2024\ufe6b\uff01-\uff5e]/
const hidden = new RegExp(`[${unseenUnits}]`)
const mayEscape = 1
const isHidden = 2
const hints = unitSet(hidden, isHidden)
eachUnit(beginning, (unit) => {
  hints[unit] = mayEscape
})
const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: ' ', f: ' ' }
const entities: Readonly<Record<string, string>> = {
  ...{ commat: '@', period: '.', amp: '&', quot: '"', apos: "'", nbsp: ' ', colon: ':', plus: '+', num: '#' },
  ...{ lpar: '(', rpar: ')', hyphen: '-', dash: '-', sol: '/', lowbar: '_', equals: '=', lt: '<', gt: '>' },
}

/** A piece of the plain text: where it begins there and in the original, and whether it is the same in both. */
interface Stretch {
  readonly plain: number
  readonly original: number
  /** Where in the original it ends. */
  readonly end: number
  readonly copied: boolean
}

/**
 * Undoes what escapes a text.
 * @returns undefined if there is nothing to undo. Linear, with no more than a look-up for most units
 */
export function unescaped(text: string): Unescaped | undefined {
  const plain = new PlainText(text)
  for (let at = 0; at < text.length; at++) {
    const hint = hints[text.charCodeAt(at)] as number
    if (hint === 0) continue
    if (hint === isHidden) {
      plain.keep(at)
      continue
    }
    escapes.lastIndex = at
    const match = escapes.exec(text)
    if (!match) continue
    const end = escapes.lastIndex
    const meaning = meantBy(match)
    if (meaning !== undefined) plain.replace(at, end, meaning)
    at = end - 1
  }
  return plain.finish()
}

/** A text on its way to be plain: what stands near something undone, or near what nobody sees. */
class PlainText {
  readonly #text: string
  readonly #stretches: Stretch[] = []
  #plain = ''
  #asItCame = true
  /** Up to where the text was taken over, and behind what was undone or is unseen. */
  #from = 0
  #behind = 0
  #isAny = false

  constructor(text: string) {
    this.#text = text
  }

  /** Keeps one unit that nobody sees, and what stands around it. */
  keep(at: number): void {
    this.#reach(at)
    this.#behind = at + 1
  }

  replace(at: number, end: number, meaning: string): void {
    this.#reach(at)
    this.#copy(at)
    this.#add(meaning, { start: at, end }, false)
    this.#asItCame = false
    this.#from = end
    this.#behind = end
  }

  finish(): Unescaped | undefined {
    if (!this.#isAny) return undefined
    this.#copy(Math.min(this.#text.length, this.#behind + around))
    const stretches = this.#stretches
    return {
      text: this.#plain,
      asItCame: this.#asItCame,
      original(span) {
        const first = stretchAt(stretches, span.start)
        const last = stretchAt(stretches, span.end - 1)
        return {
          start: first.copied ? first.original + span.start - first.plain : first.original,
          end: last.copied ? last.original + span.end - last.plain : last.end,
        }
      },
    }
  }

  #add(piece: string, { start, end }: Span, copied: boolean): void {
    if (piece === '' && copied) return
    this.#stretches.push({ plain: this.#plain.length, original: start, end, copied })
    this.#plain += piece
  }

  #copy(end: number): void {
    this.#add(this.#text.slice(this.#from, end), { start: this.#from, end }, true)
    this.#from = end
  }

  /** What lies between two places that are far apart was read as it is already. */
  #reach(index: number): void {
    if (index - this.#behind > 2 * around) {
      if (this.#isAny) this.#copy(this.#behind + around)
      this.#add('\n', { start: this.#behind + around, end: index - around }, false)
      this.#from = index - around
    }
    this.#isAny = true
  }
}

/** The last one that begins at `place` or before; of several that begin there, those before it are empty. */
function stretchAt(stretches: readonly Stretch[], place: number): Stretch {
  let low = 0
  let high = stretches.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((stretches[middle]?.plain ?? 0) <= place) low = middle
    else high = middle - 1
  }
  return stretches[low] ?? { plain: 0, original: 0, end: 0, copied: false }
}

/** @returns what an escape means, undefined if it is none after all */
function meantBy(match: RegExpExecArray): string | undefined {
  const { unit, letter, octets, decimal, hexadecimal, entity, wide } = match.groups ?? {}
  if (unit !== undefined) return String.fromCharCode(Number.parseInt(unit, 16))
  if (letter !== undefined) return letters[letter] ?? letter
  if (octets !== undefined) return decoded(octets)
  if (entity !== undefined) return entities[entity]
  if (wide !== undefined) return narrow(wide.charCodeAt(0))
  const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal)
  return code < 0x110000 ? String.fromCodePoint(code) : undefined
}

/** UTF-8 in percent signs, each of which may have been escaped again. */
function decoded(octets: string): string | undefined {
  try {
    return decodeURIComponent(octets.replaceAll(/%(?:25)+/g, '%'))
  } catch {
    return undefined
  }
}

function narrow(unit: number): string {
  if (unit >= 0xff01) return String.fromCharCode(unit - 0xfee0)
  if (unit === 0xfe6b) return '@'
  if (unit === 0x2024) return '.'
  const zero = unit >= 0x966 ? 0x966 : unit >= 0x6f0 ? 0x6f0 : 0x660
  return String(unit - zero)
}
