/** Leaving out what a text cannot hold changes nothing of what is found in it. */
import { describe, expect, it } from 'vitest'
import { createMatcher } from '../../src/detect/injection/matcher.ts'
import { parsePhrase } from '../../src/detect/injection/phrase.ts'
import { loadPacks } from '../../src/policy/packs.ts'
import { disguises } from './disguised.ts'
import { wordings } from './wordings.ts'

const phrases = loadPacks().flatMap(({ phrases: own }) => own)
const matcher = createMatcher(phrases)
const literals = [...new Set(phrases.flatMap((steps) => steps.flatMap((step) => step.literals)))]
/** Behind a text, and too far from it for a phrase that begins there, it makes every phrase possible. */
const everything = `\n${'x '.repeat(8000)}\n${literals.map(({ text }) => text).join(' \n ')}`

const found = (text: string, within = text.length) => {
  const spans: string[] = []
  matcher.run(text, (phrase, { start, end }) => {
    if (end <= within) spans.push(`${phrase} ${start} ${end}`)
  })
  return spans
}
const isSame = (text: string) => expect(found(text)).toEqual(found(`${text} ${everything}`, text.length))

/** The same numbers in every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe('a matcher that first looks which phrases a text can hold', () => {
  const all = Object.values(wordings).flat()

  it('finds in wordings of attacks what it finds with every phrase possible', () => {
    expect(all.some((text) => found(text).length > 0)).toBe(true)
    for (let at = 0; at < all.length; at += 5) isSame(all.slice(at, at + 5).join(' '))
  }, 60_000)

  it('finds the same in words of phrases at random', () => {
    const random = randomFrom(7)
    for (let round = 0; round < 100; round++)
      isSame(
        Array.from({ length: 3 + random(60) }, () => literals[random(literals.length)]?.text).join(
          [' ', ', ', '. ', '\n'][random(4)],
        ),
      )
  }, 60_000)

  it('finds the same in disguised wordings, and in repeats', () => {
    const wording = all[0] ?? ''
    for (const disguise of Object.values(disguises)) isSame(String(disguise(wording)))
    for (const piece of ['ignore all previous ', 'you no you no not ', 'a b c d ', 'instructions ', '> '])
      isSame(piece.repeat(400))
  }, 60_000)

  it('does not take a word for another that has its hash', () => {
    const hits: number[] = []
    createMatcher([parsePhrase('costarring', {})]).run('a liquid, costarring', (_phrase, { start }) =>
      hits.push(start),
    )
    expect(hits).toEqual([10])
  })
})
