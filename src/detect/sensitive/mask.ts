/**
 * Masking: personal data and secrets become `<type:number>`, or `<type:pseudonym>` where records are to be joined. The
 * same value gets the same mask within one masker, so that a record stays readable. Masks what its detectors know, and
 * nothing else.
 */
import type { Span } from '../../core/text.ts'
import { detectors } from './detectors.ts'
import { type MaskedSpan, SensitiveFinder } from './finder.ts'

/** Finds what needs no policy to be told. */
export const shippedFinder = new SensitiveFinder(detectors)

/** Finds what is to be masked whatever the policy says: without overlaps, in order. Linear in the text. */
export function findSensitive(text: string): readonly MaskedSpan[] {
  return shippedFinder.find(text)
}

/** Masks texts; the same value of a type gets the same mask. */
export interface Masker {
  /** @param within what of it is wanted: masked as the whole text is, and never cut within a mask */
  mask(text: string, within?: Span): string
}

/** Tells the same name for the same value of a type, and nothing of the value. */
export type Pseudonym = (type: string, value: string) => string

/**
 * @param find what is to be masked
 * @param pseudonym what stands in a mask instead of a number
 */
export function createMasker(
  find: (text: string) => readonly MaskedSpan[] = findSensitive,
  pseudonym: Pseudonym = numbered(),
): Masker {
  return {
    mask(text, within = { start: 0, end: text.length }) {
      const spans = find(text)
      let masked = ''
      let from = within.start
      for (const { start, end, type } of spans) {
        if (end <= within.start || start >= within.end) continue
        masked += `${text.slice(from, start)}<${type}:${pseudonym(type, text.slice(start, end))}>`
        from = end
      }
      return masked === '' && within.start === 0 && within.end >= text.length
        ? text
        : masked + text.slice(from, Math.max(from, within.end))
    },
  }
}

function numbered(): Pseudonym {
  const numbers = new Map<string, string>()
  const counts = new Map<string, number>()
  return (type, value) => {
    const key = `${type} ${value}`
    const known = numbers.get(key)
    if (known !== undefined) return known
    const count = (counts.get(type) ?? 0) + 1
    counts.set(type, count)
    numbers.set(key, String(count))
    return String(count)
  }
}
