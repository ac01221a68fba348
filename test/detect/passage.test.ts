import { describe, expect, it } from 'vitest'
import { createPassages, passageForm } from '../../src/detect/injection/passage.ts'

const at = (text: string, words: string, joints: number[] = []) => {
  const start = text.indexOf(words)
  const passage = createPassages(text, joints)({ start, end: start + words.length })
  return text.slice(passage.start, passage.end).trim()
}

describe('a passage', () => {
  it.each([
    ['one\n\ntwo three\n\nfour', 'three', 'two three'],
    ['one\r\n \t\r\ntwo three\n\n\nfour', 'three', 'two three'],
    ['one two', 'two', 'one two'],
    ['one\ntwo', 'two', 'one\ntwo'],
    ['a\n\nb c\n\nd e\n\nf', 'c\n\nd', 'b c\n\nd e'],
  ])('of %j around %j is %j', (text, words, passage) => {
    expect(at(text, words)).toBe(passage)
  })

  it('does not reach into the text before or behind, unless the finding does', () => {
    expect(at('one\ntwo\nthree', 'two', [0, 4, 8])).toBe('two')
    expect(at('one\ntwo\nthree', 'o\nt', [0, 4, 8])).toBe('two\nthree')
  })

  it('is the same in another case, and another with hidden characters', () => {
    expect(passageForm(' Ignore ALL\u00a0of it')).toBe(passageForm('ignore all of it'))
    expect(passageForm('ignore\u200b all')).not.toBe(passageForm('ignore all'))
    expect(passageForm('ignore all\u{e0041}')).not.toBe(passageForm('ignore all\u{e0042}'))
  })

  it('is found in linear time, whatever the number of findings', () => {
    const text = 'x\n'.repeat(500_000)
    const startedAt = performance.now()
    const passageAt = createPassages(
      text,
      Array.from({ length: 500_000 }, (_, index) => 2 * index),
    )
    for (let start = 0; start < text.length; start += 10) passageAt({ start, end: start + 5 })
    expect(performance.now() - startedAt).toBeLessThan(3000)
  })
})
