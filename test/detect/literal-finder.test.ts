/** What is looked up by hashes and last units is what a search for each literal finds, in the order that phrases rely on. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLiteralFinder } from '../../src/detect/injection/literal-finder.ts'

/** Capitals are read as small letters; `@` is read as a letter and is none. */
const fold = Uint16Array.from({ length: 0x10000 }, (_, unit) => {
  const letter = String.fromCharCode(unit)
  return letter === '@' ? 0x61 : /[A-Z]/.test(letter) ? unit + 32 : unit
})
const isWord = (unit: number) => /[a-zA-Z]/.test(String.fromCharCode(unit))
const read = (text: string) =>
  Array.from(text, (letter) => String.fromCharCode(fold[letter.charCodeAt(0)] ?? 0)).join('')

const literal = fc.record({
  text: fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '-'), minLength: 1, maxLength: 9 }),
  opens: fc.boolean(),
  closes: fc.boolean(),
})
type Literal = { readonly text: string; readonly opens: boolean; readonly closes: boolean }
const nameOf = ({ text, opens, closes }: Literal) => `${text} ${opens} ${closes}`

function search(literals: readonly Literal[], text: string): string[] {
  const whole = read(text)
  const hits: { readonly end: number; readonly index: number }[] = []
  for (const [index, { text: sought, opens, closes }] of literals.entries())
    for (let start = 0; start + sought.length <= text.length; start++) {
      const end = start + sought.length
      if (!whole.startsWith(sought, start)) continue
      if (opens && start > 0 && isWord(whole.charCodeAt(start - 1))) continue
      if (closes && end < text.length && isWord(text.charCodeAt(end))) continue
      hits.push({ end, index })
    }
  return hits.sort((a, b) => a.end - b.end || a.index - b.index).map(({ end, index }) => `${index}@${end}`)
}

function find(literals: readonly Literal[], text: string): string[] {
  const { pairs, length } = createLiteralFinder(literals, fold, isWord).find(text)
  return Array.from({ length: length / 2 }, (_, hit) => `${pairs[2 * hit]}@${pairs[2 * hit + 1]}`)
}

describe('the finder of literals', () => {
  it('finds exactly what a search for each literal finds, in the order of their ends', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(literal, { minLength: 1, maxLength: 12, selector: nameOf }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '-', 'A', '@'), maxLength: 60 }),
        (literals, text) => {
          expect(find(literals, text)).toEqual(search(literals, text))
        },
      ),
      { numRuns: 300 },
    )
  }, 120_000)

  it('takes a word for another of the same hash, and can tell that it is not', () => {
    // FNV-1a of 32 bits gives both words one hash.
    const known = [{ text: 'costarring', opens: true, closes: true }]
    expect(find(known, 'liquid')).toEqual(['0@6'])
    const finder = createLiteralFinder(known, fold, isWord)
    expect(finder.isAt(0, 'liquid', 6)).toBe(false)
    expect(finder.isAt(0, 'Costarring', 10)).toBe(true)
  })

  it('finds both of two literals of one hash', () => {
    const both = ['costarring', 'liquid'].map((text) => ({ text, opens: true, closes: true }))
    const found = find(both, 'costarring liquid')
    expect(found).toContain('0@10')
    expect(found).toContain('1@17')
  })
})
