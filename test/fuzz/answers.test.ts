/** Recorded answers in random pieces, and cut off at every byte around their end. */
import { describe, expect, it } from 'vitest'
import { effort } from '../rig/effort.ts'
import { cutAtRandom, cutOff, readAnswer, recordings } from './answers.ts'
import { Random } from './random.ts'

const seed = 20_261_122
const answers = recordings()

it('there are recorded answers, streamed and whole', () => {
  expect(answers.length).toBeGreaterThan(40)
})

describe.each(answers.map((answer) => [answer.name, answer] as const))('%s', (_name, answer) => {
  it('ends if its end mark came, and only then', () => {
    const { state, frames } = readAnswer(answer, [answer.bytes])
    expect(frames.length).toBeGreaterThanOrEqual(answer.endsAt === undefined ? 0 : 1)
    if (answer.endsAt === undefined) expect(state).not.toBe('ended')
    else expect(state).toBe('ended')
  })

  it(`is read alike in whatever pieces it comes (seed ${seed})`, () => {
    const rng = new Random(seed)
    for (let round = 0; round < effort(1, 6); round++) cutAtRandom(answer, rng)
  })

  it('never counts as ended when it is cut off before its end mark', () => {
    const end = answer.endsAt ?? answer.bytes.length
    for (let at = Math.max(0, end - 150); at < end; at++) cutOff(answer, at)
  })
})
