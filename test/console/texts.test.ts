/** The languages of the console say the same. */
import { expect, it } from 'vitest'
import { anomalyKinds } from '../../src/anomalies/anomaly.ts'
import { de } from '../../src/console/texts/de.ts'
import { en } from '../../src/console/texts/en.ts'
import { refusals } from '../../src/core/refusal.ts'
import { noticeNames } from '../../src/incident/notices.ts'

const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).toSorted()

it('has every text in English and in German, with the same values in it', () => {
  expect(Object.keys(en).length).toBeGreaterThan(300)
  expect(Object.keys(de).toSorted()).toEqual(Object.keys(en).toSorted())
  const german: Readonly<Record<string, string>> = de
  const wrong = Object.entries(en).filter(([key, text]) => {
    const other = german[key] ?? ''
    return text.trim() === '' || other.trim() === '' || `${placeholders(text)}` !== `${placeholders(other)}`
  })
  expect(wrong).toEqual([])
})

it('has a word for every refusal, every kind of anomaly and every report of an incident', () => {
  const codes = Object.keys(refusals).map((code) => `outcome.${code}`)
  const kinds = anomalyKinds.map((kind) => `anomaly.${kind}`)
  const notices = noticeNames.map((name) => `notice.${name}`)
  expect([...codes, ...kinds, ...notices].filter((key) => !Object.hasOwn(en, key))).toEqual([])
})
