/** What is told of an answer without its text. */
import { describe, expect, it } from 'vitest'
import { AnswerSample } from '../../src/anomalies/answer-sample.ts'
import { answerTraits, gramBuckets, openingTraits } from '../../src/anomalies/answer-traits.ts'
import { beginsLikeRefusal, refusalOpenings } from '../../src/anomalies/refusal-openings.ts'

describe('a refusal', () => {
  it('is known by its beginning in fifteen languages', () => {
    expect(Object.keys(refusalOpenings)).toHaveLength(15)
    for (const opening of Object.values(refusalOpenings).flat())
      expect(beginsLikeRefusal(`${opening} …`)).toBe(true)
  })

  it.each([
    "I’m sorry, but I can't help with that.",
    '**I cannot** assist with this request.',
    '> Sorry, but I can’t do that',
    '\n\nEs tut mir leid, aber dabei kann ich nicht helfen.',
    '申し訳ありませんが、その依頼にはお応えできません。',
    'Я не могу помочь с этим.',
  ])('is known behind white space, marks and typographic apostrophes: %s', (text) => {
    expect(beginsLikeRefusal(text)).toBe(true)
  })

  it.each([
    'I can help with that.',
    'Cannot open the file? Try this.',
    'Sorted: 1, 2, 3',
    '',
    '***',
    'The user said: I cannot.',
  ])('is not seen in: %s', (text) => {
    expect(beginsLikeRefusal(text)).toBe(false)
  })
})

describe('script and language', () => {
  it.each([
    ['en', 'The function returns the length of the list, and this is what you have to pass to it.'],
    ['de', 'Die Funktion gibt die Länge der Liste zurück und das ist nicht mit der anderen zu verwechseln.'],
    ['fr', 'La fonction renvoie la longueur de la liste, et les valeurs sont dans le tableau pour vous.'],
    ['es', 'La función devuelve el número de los elementos y una lista con las claves para el usuario.'],
    ['Latn', 'aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQgdGV4dCBvZiBzb21lIGxlbmd0aA=='],
    ['Cyrl', 'Функция возвращает длину списка.'],
    ['Hani', '该函数返回列表的长度。'],
    ['Jpan', 'この関数はリストの長さを返します。'],
    ['Hang', '이 함수는 목록의 길이를 반환합니다.'],
    ['Arab', 'تعيد الدالة طول القائمة.'],
    ['Grek', 'Η συνάρτηση επιστρέφει το μήκος της λίστας.'],
    ['Deva', 'यह फ़ंक्शन सूची की लंबाई लौटाता है।'],
    ['Zyyy', '12345 67890 !?'],
    ['Zyyy', ''],
  ])('is %s', (script, text) => {
    expect(answerTraits(text).script).toBe(script)
  })
})

describe('trigrams', () => {
  it('are counted in a bounded number, of the beginning only', () => {
    const { grams } = answerTraits('The quick brown fox. '.repeat(5000))
    expect(grams).toHaveLength(gramBuckets)
    expect(grams.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(128)
    expect(answerTraits(`${'a'.repeat(2000)}${'The end. '.repeat(100)}`)).toEqual(
      answerTraits('a'.repeat(2000)),
    )
  })

  it('of texts too short for one are none', () => {
    expect(answerTraits('ab').grams.every((count) => count === 0)).toBe(true)
  })
})

describe('the sample of answers', () => {
  const taken = (sample: AnswerSample, key: string, count: number, atMs: number) =>
    Array.from({ length: count }, () => sample.takes(key, atMs)).filter(Boolean).length

  it('has all of a key that answers little, and of a busy one every sixteenth of the rest', () => {
    const sample = new AnswerSample()
    expect(taken(sample, 'busy', 20 + 1600, 0)).toBe(120)
    expect(taken(sample, 'calm', 20, 1)).toBe(20)
    expect(taken(sample, 'busy', 5, 60_000)).toBe(5)
  })

  it('counts no more keys than there are baselines', () => {
    const sample = new AnswerSample()
    for (let key = 0; key < 10_000; key++) sample.takes(`k${key}`, 0)
    const others = Array.from({ length: 320 }, (_, key) => sample.takes(`further ${key}`, 0))
    expect(others.filter(Boolean).length).toBeLessThan(50)
    expect(sample.takes('k7', 0)).toBe(true)
  })

  it('leaves out script and trigrams, not whether an answer refuses', () => {
    expect(openingTraits('I cannot help with that.')).toEqual({ refuses: true, script: 'Zyyy', grams: [] })
    expect(openingTraits('Paris.')).toEqual({ refuses: false, script: 'Zyyy', grams: [] })
  })
})
