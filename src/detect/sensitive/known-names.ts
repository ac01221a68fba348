/**
 * Names that an operator has told: of people, of customers. Each as whole words, in any case, with and without its accents
 * (`Müller`, `Muller`, `Mueller`), with the surname in front (`Müller, Anna`), also in the genitive.
 */
import { eachUnit, unitCount } from '../../core/code-units.ts'
import type { Span } from '../../core/text.ts'
import { type Detector, maxOpenLength, type Sample } from './detector.ts'

/** Names in one list. */
export const maxNames = 50_000
/** Units of one name, and words in it. */
export const maxNameLength = 80
const maxWords = 8
/** Letters of one name: shorter ones are words of every other text. Of scripts that write a word with a sign or two, two. */
const minLetters = 3
const minSigns = 2
/** Units between two words of a name. */
const maxGap = 3

interface Node {
  /** By the next word, folded; `,` stands for a comma between two words. */
  readonly next: Map<string, Node>
  ends: boolean
}

interface Word extends Span {
  readonly key: string
}

/** What a unit is in a name: part of a word, a word by itself, or what may stand between words. */
const apart = 0
const inWord = 1
const wordItself = 2
const between = 3
const kinds = new Uint8Array(unitCount).fill(apart)
for (const [kind, members] of [
  [between, /[\s.,'’_·\u2010-\u2013-]/u],
  // Half of a character beyond the basic plane belongs to a word.
  [inWord, /[\p{L}\p{M}\p{N}\p{Cs}]/u],
  [wordItself, /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u],
] as const)
  eachUnit(members, (unit) => {
    kinds[unit] = kind
  })

/** @returns why a line cannot be looked for, undefined if it can */
export function nameFault(name: string): string | undefined {
  if (name.length > maxNameLength) return `is longer than ${maxNameLength} characters`
  const words = wordsOf(name)
  if (words.length > maxWords) return `has more than ${maxWords} words`
  const letters = words.reduce((sum, { key }) => sum + key.length, 0)
  if (letters < (words.some(({ key }) => kinds[key.charCodeAt(0)] === wordItself) ? minSigns : minLetters))
    return `is shorter than ${minLetters} letters, and would be found in other words' places`
  return undefined
}

const ligatures: Readonly<Record<string, string>> = {
  ...{ ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i' },
}

/** Letters of a word that decide whether it is looked up, and how many hashes of them there are. */
const hashedLetters = 4
const hashes = 0x10000
const unknown = 0xffff
const letters = Uint16Array.from({ length: unitCount }, (_, unit) => {
  const key = kinds[unit] === inWord ? folded(String.fromCharCode(unit)) : ''
  return key.length === 1 ? key.charCodeAt(0) : kinds[unit] === inWord ? unknown : 0
})

interface Names {
  readonly root: Node
  /** By the hash of a word's first letters: 1 if a name begins with such a word. */
  readonly begins: Uint8Array
}

/** @param list names of which `nameFault` says nothing */
export function knownNames(list: readonly string[]): Detector {
  const root: Node = { next: new Map(), ends: false }
  for (const name of list) for (const words of spellings(name)) add(root, words)
  const begins = new Uint8Array(hashes + 1).fill(1, hashes)
  for (const word of root.next.keys()) {
    begins[hashAt(word, 0)] = 1
    // In the genitive it goes on.
    begins[hashAt(`${word}s`, 0)] = 1
  }
  const names = { root, begins }
  return {
    type: 'name',
    triggers: [],
    always: true,
    // With the gaps between its words.
    maxLength: maxNameLength + maxWords * maxGap,
    find: (sample) => findNames(names, sample),
    hold: (text) => holdName(root, text),
  }
}

function add(root: Node, words: readonly string[]): void {
  let node = root
  for (const word of words) {
    const next = node.next.get(word) ?? { next: new Map(), ends: false }
    node.next.set(word, next)
    node = next
  }
  node.ends = true
}

/** A name as its words are folded, also with `ue` for `ü`, and with the surname in front. */
function spellings(name: string): readonly (readonly string[])[] {
  const all = [name, transliterated(name)].flatMap((each) => {
    const words = wordsOf(each).map(({ key }) => key)
    const last = words.at(-1)
    if (last === undefined || words.length < 2) return [words]
    const others = words.slice(0, -1)
    return words.length === 2
      ? [words, [last, ',', ...others], [last, ...others]]
      : [words, [last, ',', ...others]]
  })
  return all.filter((words) => words.length > 0)
}

function findNames({ root, begins }: Names, { text }: Sample): Span[] {
  const found: Span[] = []
  for (let at = 0; at < text.length; at++) {
    const kind = kinds[text.charCodeAt(at)] as number
    if (kind !== inWord && kind !== wordItself) continue
    // Most words are none that a name begins with, and then they are not looked up.
    const end = begins[hashAt(text, at)] === 1 ? endOfName(root, text, wordFrom(text, at)) : undefined
    if (end !== undefined) {
      found.push({ start: at, end })
      at = end - 1
    } else if (kind === inWord) while (kinds[text.charCodeAt(at + 1)] === inWord) at++
  }
  return found
}

/** Of the first letters of a word, as they are folded. */
function hashAt(text: string, start: number): number {
  let hash = 0
  for (let at = start; at < start + hashedLetters; at++) {
    const letter = kinds[text.charCodeAt(at)] === inWord ? (letters[text.charCodeAt(at)] as number) : 0
    // What is written with a mark of its own, or folded to more than one letter, is looked up.
    if (letter === unknown) return hashes
    hash = (hash * 37 + letter) & (hashes - 1)
    if (letter === 0) break
  }
  return hash
}

/** @returns where the longest name ends that begins with the word, undefined if none does */
function endOfName(root: Node, text: string, first: Word): number | undefined {
  let end: number | undefined
  let node: Node | undefined = root
  for (let word: Word | undefined = first; word && node; word = wordBehind(text, word)) {
    const from: Node | undefined = word === first || !hasComma(text, word) ? node : node.next.get(',')
    node = from?.next.get(word.key)
    if (node?.ends) end = word.end
    // `Müllers Vertrag`
    else if (word.key.endsWith('s') && from?.next.get(word.key.slice(0, -1))?.ends) end = word.end - 1
  }
  return end
}

/** From where on the text's end may be the beginning of a name of several words. */
function holdName(root: Node, text: string): number {
  let at = Math.max(0, text.length - maxOpenLength)
  for (let first = wordAt(text, at); first; first = wordAt(text, at)) {
    let node: Node | undefined = root
    let last: Word = first
    for (
      let word: Word | undefined = first;
      word && node && node.next.size > 0;
      word = wordBehind(text, word)
    ) {
      last = word
      // A word that is still being written may become any.
      if (word.end === text.length) return first.start
      node = (word === first || !hasComma(text, word) ? node : node.next.get(','))?.next.get(word.key)
    }
    if (node && node.next.size > 0 && endOfGap(text, last.end) === text.length) return first.start
    at = first.end
  }
  return text.length
}

function hasComma(text: string, { start }: Word): boolean {
  for (let at = start - 1; at >= 0 && kinds[text.charCodeAt(at)] === between; at--)
    if (text.charAt(at) === ',') return true
  return false
}

/** Behind what may stand between two words; no further than it may reach. */
function endOfGap(text: string, from: number): number {
  let end = from
  while (end < text.length && end - from < maxGap && kinds[text.charCodeAt(end)] === between) end++
  return end
}

function wordBehind(text: string, { end }: Word): Word | undefined {
  const start = endOfGap(text, end)
  // Not on to the next word, which may be far away.
  return isWordKind(kinds[text.charCodeAt(start)]) ? wordAt(text, start) : undefined
}

/** The first word from a place on. */
function wordAt(text: string, from: number): Word | undefined {
  let start = from
  while (start < text.length && !isWordKind(kinds[text.charCodeAt(start)])) start++
  return start === text.length ? undefined : wordFrom(text, start)
}

/** The word that begins there. */
function wordFrom(text: string, start: number): Word {
  let end = start + 1
  if (kinds[text.charCodeAt(start)] === inWord)
    while (end < text.length && kinds[text.charCodeAt(end)] === inWord) end++
  return { start, end, key: folded(text.slice(start, end)) }
}

function isWordKind(kind: number | undefined): boolean {
  return kind === inWord || kind === wordItself
}

function wordsOf(text: string): Word[] {
  const words: Word[] = []
  for (let word = wordAt(text, 0); word; word = wordAt(text, word.end)) words.push(word)
  return words
}

/** Words that no name is made of are not folded in full. */
function folded(word: string): string {
  const small = word.length > maxNameLength ? '' : word.toLowerCase()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
  if (/^[\u0000-\u007f]*$/.test(small)) return small
  return small
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[ßæœøłđðþı]/g, (letter) => ligatures[letter] ?? letter)
}

/** As who has no such letters on the keyboard writes them. */
function transliterated(name: string): string {
  return name
    .normalize('NFC')
    .replaceAll(/[äÄ]/g, 'ae')
    .replaceAll(/[öÖøØ]/g, 'oe')
    .replaceAll(/[üÜ]/g, 'ue')
    .replaceAll(/[åÅ]/g, 'aa')
}
