/**
 * Words that keep their first and last letter while those between are mixed up (`ignroe`), which people and models
 * read without noticing. Only words that attacks are made of are put right.
 */
import { type Edit, rewrite, type TextView } from '../injection/text-view.ts'

export type Corrector = (before: TextView) => TextView | undefined

const shortest = 5
const fewest = 2
const mask = 0xffff

/** @param vocabulary in small letters */
export function createCorrector(vocabulary: Iterable<string>): Corrector {
  const byShape = new Map<string, string>()
  const known = new Set<string>()
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
      if (
        length >= shortest &&
        (firsts[sum & mask] as number) & bitOf(text, start) &&
        (lasts[sum & mask] as number) & bitOf(text, at - 1)
      ) {
        const word = text.slice(start, at).toLowerCase()
        const right = known.has(word) ? undefined : byShape.get(shapeOf(word))
        if (right !== undefined) edits.push({ start, end: at, text: right })
      }
      sum = 0
      length = 0
    }
    return edits.length < fewest ? undefined : rewrite(before, edits)
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
