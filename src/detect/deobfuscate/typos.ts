/**
 * Misspelt words that people and models read without noticing: the letters between the first and the last one mixed up
 * (`ignroe`), and, of a few words that attacks cannot do without, one letter left out, added or replaced (`instrctions`).
 * Only words that attacks are made of are put right.
 */
import { type Edit, rewrite, type TextView } from '../injection/text-view.ts'

/** Puts misspelt words of a vocabulary right. */
export interface Corrector {
  /** Tells `prefilter` which words may be of the vocabulary, whatever the order of their inner letters. */
  readonly shapes: Shapes
  /**
   * @param places where words that may be misspelt start and end, in turns
   * @returns the text with what was misspelt put right; undefined if too little was
   */
  correct(before: TextView, places: readonly number[]): TextView | undefined
}

/** A bit for each shape: first letter, last letter, and the sum of all, which no reordering changes. */
export type Shapes = Int32Array

/** Letters of a word: too many have those of a shorter one. */
export const minMisspelt = 5
const shapeBits = 16
/** Of words that are mixed up: one may be by chance. */
const fewest = 2
/** Words of everyday that others are made of when their letters are mixed up. */
const ordinary =
  'there cloud lakes broad reserved reserve parties flies beings altering retried compiles precious sagte garde'.split(
    ' ',
  )
/** Words that are known with one letter wrong. None of them is one letter away from another word of everyday. */
const keywords =
  'ignore disregard previous instructions instruction guidelines restrictions unrestricted password override developer everything jailbreak conversation confidential directives credentials'.split(
    ' ',
  )

/** @param vocabulary in small letters */
export function createCorrector(vocabulary: Iterable<string>): Corrector {
  const byShape = new Map<string, string>()
  const known = new Set<string>(ordinary)
  const shapes = new Int32Array((1 << shapeBits) / 32)
  for (const word of vocabulary) {
    if (word.length < minMisspelt || !/^[a-z]+$/.test(word)) continue
    known.add(word)
    byShape.set(shapeOf(word), word)
    const bit = shapeBit(word, 0, word.length, sumOf(word))
    shapes[bit >>> 5] = (shapes[bit >>> 5] ?? 0) | (1 << (bit & 31))
  }
  return {
    shapes,
    correct(before, places) {
      const edits: Edit[] = []
      let hasKeyword = false
      for (let at = 0; at < places.length; at += 2) {
        const start = places[at] ?? 0
        const end = places[at + 1] ?? 0
        const word = before.text.slice(start, end).toLowerCase()
        if (known.has(word)) continue
        const keyword = keywordLike(word)
        // To sort letters takes ten times as long as to sum them up.
        const text = keyword ?? (hasShape(shapes, word) ? byShape.get(shapeOf(word)) : undefined)
        if (text !== undefined) edits.push({ start, end, text })
        if (keyword !== undefined) hasKeyword = true
      }
      return edits.length < fewest && !hasKeyword ? undefined : rewrite(before, edits)
    },
  }
}

/** What a letter (1 to 26) adds to the sum of its word. */
export function weightOfLetter(letter: number): number {
  return letter * (letter * 37 + 1013)
}

/**
 * Whether letters of ASCII may be a word of the vocabulary or a keyword, misspelt or as it is.
 * @param sum of the weights of its letters
 */
export function mayBeMisspelt(
  shapes: Shapes,
  text: string,
  start: number,
  end: number,
  sum: number,
): boolean {
  return (
    isMarked(shapes, shapeBit(text, start, end, sum)) ||
    (end - start <= maxMisspelt && mayBeKeyword(text, start, end))
  )
}

function hasShape(shapes: Shapes, word: string): boolean {
  return isMarked(shapes, shapeBit(word, 0, word.length, sumOf(word)))
}

function sumOf(word: string): number {
  let sum = 0
  for (let at = 0; at < word.length; at++) sum = (sum + weightOfLetter(word.charCodeAt(at) & 31)) | 0
  return sum
}

function isMarked(bits: Int32Array, bit: number): boolean {
  return ((bits[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
}

function shapeBit(text: string, start: number, end: number, sum: number): number {
  const ends = ((text.charCodeAt(start) & 31) << 20) ^ ((text.charCodeAt(end - 1) & 31) << 26)
  return Math.imul(sum ^ ends, 0x01000193) >>> (32 - shapeBits)
}

function shapeOf(word: string): string {
  return word.charAt(0) + [...word.slice(1, -1)].sort().join('') + word.charAt(word.length - 1)
}

const maxMisspelt = 20

/** One wrong letter leaves the first three right or the last three. */
const ends = new Map<string, string[]>()
const endHashes = new Int32Array((1 << 15) / 32)
for (const word of keywords)
  for (const [part, hash] of [
    [`${word.slice(0, 3)}-`, hashOf(word, 0)],
    [`-${word.slice(-3)}`, hashOf(word, word.length - 3)],
  ] as const) {
    ends.set(part, [...(ends.get(part) ?? []), word])
    endHashes[hash >>> 5] = (endHashes[hash >>> 5] ?? 0) | (1 << (hash & 31))
  }

function hashOf(text: string, at: number): number {
  return (
    ((text.charCodeAt(at) & 31) << 10) |
    ((text.charCodeAt(at + 1) & 31) << 5) |
    (text.charCodeAt(at + 2) & 31)
  )
}

function mayBeKeyword(text: string, start: number, end: number): boolean {
  return isMarked(endHashes, hashOf(text, start)) || isMarked(endHashes, hashOf(text, end - 3))
}

function keywordLike(word: string): string | undefined {
  const candidates = [...(ends.get(`${word.slice(0, 3)}-`) ?? []), ...(ends.get(`-${word.slice(-3)}`) ?? [])]
  return candidates.find((keyword) => isOneLetterOff(word, keyword))
}

/** One letter left out, added or replaced within, not at the end, where words are inflected, nor at the beginning. */
function isOneLetterOff(word: string, keyword: string): boolean {
  if (Math.abs(word.length - keyword.length) > 1) return false
  let from = 0
  while (from < word.length && word[from] === keyword[from]) from++
  let behind = 0
  while (
    behind < Math.min(word.length, keyword.length) - from &&
    word.at(-1 - behind) === keyword.at(-1 - behind)
  )
    behind++
  return from > 0 && behind > 0 && word.length - from - behind <= 1 && keyword.length - from - behind <= 1
}
