/** What guard models answer, and what only looks like it. */
import { describe, expect, it } from 'vitest'
import { readOpinion } from '../../src/detect/injection/guard-model-answer.ts'

describe('the answer of a guard model', () => {
  it.each([
    ['safe', 'safe'],
    ['\n\nsafe\n', 'safe'],
    ['unsafe', 'unsafe'],
    ['\n\nunsafe\nS1', 'unsafe'],
    ['unsafe\nS1,S10', 'unsafe'],
    ['unsafe\nS1, S2', 'unsafe'],
    // Cut off by the limit on the answer.
    ['unsafe\nS1,S2,S3,S', 'unsafe'],
    ['unsafe\nS1,S2,', 'unsafe'],
    ['Yes', 'unsafe'],
    ['No', 'safe'],
    [' no\n', 'safe'],
    ['Yes\n<confidence> High </confidence>', 'unsafe'],
    ['No\n<confidence> Low </confidence>', 'safe'],
    ['<score> yes </score>', 'unsafe'],
    ['<score>no</score>', 'safe'],
    ['<think>\n</think>\n\n<score> yes </score>', 'unsafe'],
  ])('%j is %s', (answer, opinion) => {
    expect(readOpinion(answer)).toBe(opinion)
  })

  it.each([
    '',
    'safe enough',
    'safe\nunsafe',
    'safe\nS1',
    'This is safe.',
    'safe.',
    'SAFE',
    'unsafe\nweapons',
    'unsafe\nS',
    'not unsafe',
    'Yes.',
    'Yes, but',
    'YES',
    'Yes\nNo',
    'No problem',
    'Yes\n<confidence> 0.9 </confidence>',
    '<score> maybe </score>',
    '<score> yes',
    '<score> yes </score> <score> no </score>',
    '<think>it is bad</think><score> no </score>',
    `safe${' '.repeat(300)}`,
    '{"verdict":"safe"}',
  ])('%j is none', (answer) => {
    expect(readOpinion(answer)).toBeUndefined()
  })
})
