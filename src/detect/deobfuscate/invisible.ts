/**
 * What nobody sees: characters without width, soft hyphens, marks piled on letters, characters in other clothes than
 * their own (mathematical letters, letters in circles and flags). And what is said with them: Unicode's tags and
 * variation selectors can carry whole texts through a screen unseen.
 */
import { unitSet } from '../../core/code-units.ts'
import type { Span } from '../../core/text.ts'
import type { Edit } from '../injection/text-view.ts'

/** Half a dozen tags spell out the flag of a region; nobody else needs them. */
const flag = /\u{1f3f4}[\u{e0061}-\u{e007a}\u{e0030}-\u{e0039}]{2,6}\u{e007f}/gu
const tags = /[\u{e0020}-\u{e007f}]+/gu
/** Tags, and as many selectors in a row as no emoji has. */
const speaking = /[\u{e0020}-\u{e007f}]+|[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]{12,}/gu
const selectors = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]{3,}/gu
/** Two signs without width that stand for bits. */
const bits = /(?:\u200d|[\u200b\u200c\u2060-\u2064\ufeff]){24,}/gu
/** Not the marks of kana, which make other letters, nor tags, which speak. */
const unseen =
  /(?:(?![\u{e0020}-\u{e007f}\u3099\u309a])[\p{Default_Ignorable_Code_Point}\p{Script=Inherited}])+/uy
/** Of units that may begin it: whether it can be told from the unit alone, or takes the next one. */
const alone = 1
const half = 2
const unseenUnits = unitSet(
  /(?![\u3099\u309a])[\p{Default_Ignorable_Code_Point}\p{Script=Inherited}]/u,
  alone,
).fill(half, 0xd800, 0xdc00)
/** Not what nobody sees among them. */
const dressed =
  /[\u{1d400}-\u{1d7ff}\u{1f100}-\u{1f1ff}\u{1fbf0}-\u{1fbf9}\u00bc-\u00be\u0132\u0133\u01c4-\u01cc\u01f1-\u01f3\u2000-\u200a\u2010-\u2029\u202f-\u205f\u2070-\u33ff\ufb00-\ufb4f\ufdfa]+/gu

/** Where it says something in tags or selectors, flags of regions aside. */
export function firstTags(text: string): Span | undefined {
  if (!text.includes('\udb40')) return undefined
  const flags = new Set(Array.from(text.matchAll(flag), ({ index }) => index + 2))
  for (const { 0: found, index: start } of text.matchAll(speaking))
    if (!flags.has(start)) return { start, end: start + found.length }
  return undefined
}

/** Of tags and selectors, each from its first sign on: far longer than any flag and emoji. Shorter ones are read. */
const speakingRun =
  /(?<![\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u{e0020}-\u{e007f}])[\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u{e0020}-\u{e007f}]{128,}/gu
/** Of signs without width. */
const widthlessRun =
  /(?<![\u00ad\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff])[\u00ad\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]{768,}/g
/** Of two kinds, which may stand for the bits of letters, and of one kind alone, which no typesetter needs. */
const minOfTwoKinds = 768
const maxOfOneKind = 1000
/** What a text may hold much of that reads in both directions or is hyphenated. */
const withoutMeaning = /[\u00ad\u200e\u200f]/g

/** Finds where so much stands that nobody sees that it is there to be read by a machine, whatever it says. */
export function longUnseen(text: string): Span | undefined {
  for (const { 0: found, index: start } of text.matchAll(speakingRun))
    return { start, end: start + found.length }
  for (const { 0: found, index: start } of text.matchAll(widthlessRun))
    if (found.length >= maxOfOneKind || hasTwoKinds(found)) return { start, end: start + found.length }
  return undefined
}

function hasTwoKinds(run: string): boolean {
  const told = run.replaceAll(withoutMeaning, '')
  return told.length >= minOfTwoKinds && told !== told.charAt(0).repeat(told.length)
}

/** Returns edits that leave out what nobody sees, and put in what it says. */
export function unseenEdits(text: string): Edit[] {
  const edits: Edit[] = []
  const add = (pattern: RegExp, meaning: (found: string) => string | undefined) => {
    pattern.lastIndex = 0
    for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
      const meant = meaning(match[0])
      if (meant !== undefined) edits.push({ start: match.index, end: pattern.lastIndex, text: meant })
    }
  }
  add(flag, () => '')
  add(tags, tagged)
  add(selectors, selected)
  add(bits, spelledInBits)
  leaveOutUnseen(text, edits)
  add(dressed, undressed)
  return edits
}

/** There may be one behind every letter: a pattern takes too long for each of them. */
function leaveOutUnseen(text: string, edits: Edit[]): void {
  for (let start = 0; start < text.length; start++) {
    const kind = unseenUnits[text.charCodeAt(start)] as number
    if (kind === 0) continue
    let end = start
    while (unseenUnits[text.charCodeAt(end)] === alone) end++
    if (unseenUnits[text.charCodeAt(end)] === half) {
      unseen.lastIndex = start
      end = unseen.test(text) ? unseen.lastIndex : start
    }
    if (end === start) continue
    edits.push({ start, end, text: '' })
    start = end - 1
  }
}

function tagged(found: string): string {
  return ` ${Array.from(found, (tag) => {
    const code = (tag.codePointAt(0) ?? 0) - 0xe0000
    return code < 0x7f ? String.fromCharCode(code) : ' '
  }).join('')} `
}

function selected(found: string): string {
  const bytes = Uint8Array.from(found, (selector) => {
    const code = selector.codePointAt(0) ?? 0
    return code < 0xe0100 ? code - 0xfe00 : code - 0xe0100 + 16
  })
  return spoken(legible(bytes))
}

function spelledInBits(found: string): string {
  const [first = ''] = found
  const second = [...found].find((sign) => sign !== first)
  if (second === undefined) return ''
  const digits = [...found].filter((sign) => sign === first || sign === second)
  for (const one of [first, second]) {
    const bytes = new Uint8Array(digits.length >> 3)
    for (const [at, sign] of digits.entries())
      if (at >> 3 < bytes.length && sign === one) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (128 >> (at & 7))
    const text = legible(bytes)
    if (text) return spoken(text)
  }
  return ''
}

/** Apart from the words around it. */
function spoken(text: string | undefined): string {
  return text ? ` ${text} ` : ''
}

function undressed(found: string): string | undefined {
  const plain = found.length === 1 ? undressedOne(found) : Array.from(found, undressedOne).join('')
  return plain === found ? undefined : plain
}

/** Of the few thousand characters that are asked for: normalising one takes longer than everything else here. */
const undressedOnes = new Map<string, string>()

function undressedOne(character: string): string {
  const known = undressedOnes.get(character)
  if (known !== undefined) return known
  const plain = withoutDress(character)
  undressedOnes.set(character, plain)
  return plain
}

function withoutDress(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code >= 0x1f1e6 && code <= 0x1f1ff) return String.fromCharCode(code - 0x1f1e6 + 0x61)
  for (const first of [0x1f150, 0x1f170])
    if (code >= first && code < first + 26) return String.fromCharCode(code - first + 0x61)
  const plain = character.normalize('NFKC')
  return plain.length > 4 ? ' ' : plain
}

const decoder = new TextDecoder()

/** @returns undefined if the bytes are no text that anybody would write */
export function legible(bytes: Uint8Array): string | undefined {
  let plain = true
  // An exception costs more than a look at every byte.
  for (const byte of bytes) {
    if (byte < 32 ? byte < 9 || byte > 13 : byte === 127 || byte > 0xf4) return undefined
    if (byte > 127) plain = false
  }
  if (!plain && !isUtf8(bytes)) return undefined
  return decoder.decode(bytes)
}

function isUtf8(bytes: Uint8Array): boolean {
  let more = 0
  for (const byte of bytes) {
    if (more > 0) {
      if (byte >> 6 !== 2) return false
      more--
    } else if (byte >> 7 !== 0) {
      if (byte < 0xc2) return false
      more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
    }
  }
  return more === 0
}
