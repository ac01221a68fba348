/**
 * Misspelt words that people and models read without noticing: the letters between the first and the last one mixed up
 * (`ignroe`), and, of a few words that attacks cannot do without, one letter left out, added or replaced (`instrctions`).
 * Only words that attacks are made of are put right.
 */
import { type Edit, rewrite, type TextView } from '../injection/text-view.ts'

export type Corrector = (before: TextView) => TextView | undefined

const shortest = 5
/** Of words that are mixed up: one may be by chance. */
const fewest = 2
/** Words of everyday that others are made of when their letters are mixed up. */
const ordinary =
  'there cloud lakes broad reserved reserve parties flies beings altering retried compiles precious'.split(
    ' ',
  )
/** Words that are known with one letter wrong. None of them is one letter away from another word of everyday. */
const keywords =
  'ignore disregard previous instructions instruction guidelines restrictions unrestricted password override developer everything jailbreak conversation confidential directives credentials'.split(
    ' ',
  )
const mask = 0xffff

/** @param vocabulary in small letters */
export function createCorrector(vocabulary: Iterable<string>): Corrector {
  const byShape = new Map<string, string>()
  const known = new Set<string>(ordinary)
  // A sum that no reordering changes: most words are sent away by it.
  const firsts = new Int32Array(mask + 1)
  const lasts = new Int32Array(mask + 1)
  for (const word of vocabulary) {
    if (word.length < shortest || !/^[a-z]+$/.test(word)) continue
    known.add(word)
    byShape.set(shapeOf(word), word)
    const at = sumOf(word) & mask
    firsts[at] = (firsts[at] ?? 0) | bitOf(word, 0)
    lasts[at] = (lasts[at] ?? 0) | bitOf(word, word.length - 1)
  }
  return (before) => {
    const { text } = before
    const edits: Edit[] = []
    let hasKeyword = false
    let sum = 0
    let length = 0
    for (let at = 0; at <= text.length; at++) {
      const value = at < text.length ? (values[text.charCodeAt(at)] as number) : 0
      if (value !== 0) {
        sum += value
        length++
        continue
      }
      const start = at - length
      const mayBeMixedUp =
        length >= shortest &&
        (firsts[sum & mask] as number) & bitOf(text, start) &&
        (lasts[sum & mask] as number) & bitOf(text, at - 1)
      if (mayBeMixedUp || (length >= shortest && length <= maxMisspelt && mayBeKeyword(text, start, at))) {
        const word = text.slice(start, at).toLowerCase()
        const keyword = known.has(word) ? undefined : keywordLike(word)
        const right = known.has(word) ? undefined : (keyword ?? byShape.get(shapeOf(word)))
        if (right !== undefined) edits.push({ start, end: at, text: right })
        if (keyword !== undefined) hasKeyword = true
      }
      sum = 0
      length = 0
    }
    return edits.length < fewest && !hasKeyword ? undefined : rewrite(before, edits)
  }
}

/** Of each ASCII letter, the same for both cases; of anything else nothing. */
const values = Int32Array.from({ length: 0x10000 }, (_, unit) => {
  const place = (unit | 0x20) - 0x60
  return unit < 0x80 && place >= 1 && place <= 26 ? place * place * 37 + place * 1013 : 0
})

function bitOf(text: string, at: number): number {
  return 1 << (text.charCodeAt(at) & 31)
}

function sumOf(word: string): number {
  let sum = 0
  for (let at = 0; at < word.length; at++) sum += values[word.charCodeAt(at)] ?? 0
  return sum
}

function shapeOf(word: string): string {
  return word.charAt(0) + [...word.slice(1, -1)].sort().join('') + word.charAt(word.length - 1)
}

const maxMisspelt = 20

/** One wrong letter leaves the first three right or the last three. */
const ends = new Map<string, string[]>()
const endHashes = new Uint8Array(1 << 16)
for (const word of keywords)
  for (const [part, hash] of [
    [`${word.slice(0, 3)}-`, hashOf(word, 0)],
    [`-${word.slice(-3)}`, hashOf(word, word.length - 3)],
  ] as const) {
    ends.set(part, [...(ends.get(part) ?? []), word])
    endHashes[hash] = 1
  }

function hashOf(text: string, at: number): number {
  return (
    ((text.charCodeAt(at) & 31) << 10) |
    ((text.charCodeAt(at + 1) & 31) << 5) |
    (text.charCodeAt(at + 2) & 31)
  )
}

function mayBeKeyword(text: string, start: number, end: number): boolean {
  return endHashes[hashOf(text, start)] === 1 || endHashes[hashOf(text, end - 3)] === 1
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
