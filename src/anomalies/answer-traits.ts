/** What an answer is like, in a few numbers: whether it begins like a refusal, its script or language, its character trigrams. */
import { beginsLikeRefusal } from './refusal-openings.ts'
import { noScript, scriptOf } from './script.ts'

/** Traits of an answer, from which its text cannot be told. */
export interface AnswerTraits {
  readonly refuses: boolean
  /**
   * An ISO 15924 code; for Latin the ISO 639-1 code of the language instead, where its function words tell. `Zyyy` without
   * letters, or if that was not looked at.
   */
  readonly script: string
  /** How many of the sampled trigrams fall into each bucket; empty if that was not looked at. */
  readonly grams: readonly number[]
}

/** Buckets that trigrams are hashed into. */
export const gramBuckets = 64
/** UTF-16 code units of an answer that are looked at, from its beginning. */
export const maxTraitUnits = 2000
/** Trigrams that are looked at, evenly over the text. */
const maxGrams = 128

const notLooked = { script: noScript, grams: [] }
const refusal: AnswerTraits = { refuses: true, ...notLooked }
const noRefusal: AnswerTraits = { refuses: false, ...notLooked }

/** Describes how an answer begins, and nothing else of it. */
export function openingTraits(text: string): AnswerTraits {
  return beginsLikeRefusal(text) ? refusal : noRefusal
}

/** Describes the first 2,000 code units of an answer. Linear, some three microseconds. */
export function answerTraits(text: string): AnswerTraits {
  const read = text.length > maxTraitUnits ? text.slice(0, maxTraitUnits) : text
  return { refuses: beginsLikeRefusal(read), script: scriptOf(read), grams: gramsOf(read) }
}

function gramsOf(text: string): number[] {
  const grams = new Array<number>(gramBuckets).fill(0)
  const step = Math.max(1, Math.floor((text.length - 2) / maxGrams))
  const end = Math.min(text.length - 2, step * maxGrams)
  for (let at = 0; at < end; at += step) {
    const hash =
      (folded(text.charCodeAt(at)) * 31 + folded(text.charCodeAt(at + 1))) * 31 +
      folded(text.charCodeAt(at + 2))
    // Fibonacci hashing: the upper six bits of a product with the golden ratio (Knuth, TAOCP 3, 6.4).
    const bucket = Math.imul(hash, 0x9e3779b1) >>> 26
    grams[bucket] = (grams[bucket] ?? 0) + 1
  }
  return grams
}

/** Capitals as small letters, digits as one: neither tells one kind of text from another. */
function folded(unit: number): number {
  if (unit >= 0x41 && unit <= 0x5a) return unit + 0x20
  return unit >= 0x30 && unit <= 0x39 ? 0x30 : unit
}
