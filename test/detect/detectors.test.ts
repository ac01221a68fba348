import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { glance, reach, Sample } from '../../src/detect/sensitive/detector.ts'
import { detectors } from '../../src/detect/sensitive/detectors.ts'
import { createMasker, findSensitive } from '../../src/detect/sensitive/mask.ts'
import { announced, harmless, sensitive } from './made-up-data.ts'

const mask = (text: string) => createMasker().mask(text)

describe('detectors', () => {
  it.each(sensitive)('know %s: %s', (type, value) => {
    const text = `It is ${value}, thank you.`
    expect(mask(text)).toBe(`It is <${type}:1>, thank you.`)
    const [span] = findSensitive(text)
    expect(text.slice(span?.start, span?.end)).toBe(value)
  })

  it.each(announced)('know what %j announces as %s: %s', (before, type, value) => {
    const end = before.startsWith('postgres') ? '@db.internal/shop' : before.endsWith('"') ? '"' : ''
    expect(mask(`${before}${value}${end}`)).toBe(`${before}<${type}:1>${end}`)
  })

  it.each(announced.filter(([, type]) => type !== 'url-password'))(
    'leave what %j announces alone without it (%s: %s)',
    (_before, _type, value) => expect(mask(`It weighs ${value}`)).toBe(`It weighs ${value}`),
  )

  it('know two in a row, whichever they are', () => {
    for (const [, one] of sensitive)
      for (const [, other] of sensitive) {
        const masked = mask(`It is ${one} and ${other}, thank you.`)
        expect([one, other, masked.includes(one) || masked.includes(other)]).toEqual([one, other, false])
      }
  })

  it.each(harmless)('leave %j alone', (text) => expect(mask(text)).toBe(text))

  it('say how long what they find can be, and keep to it', () => {
    for (const { type, maxLength } of detectors)
      if (typeof maxLength === 'number') expect(maxLength, type).toBeLessThanOrEqual(512)
    const pieces = fc.constantFrom(
      ...sensitive.map(([, value]) => value),
      ...announced.map(([before, , value]) => before + value),
      ...[' ', '  ', '-', '.', '/', '(', '0', '7', 'a', 'Z', '"', '=', ':', '@', '\n'],
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const text = parts.join('')
        for (const [rank, detector] of detectors.entries()) {
          const places = detector.triggers.flatMap((trigger) => placesOf(trigger, text)).sort((a, b) => a - b)
          if (places.length === 0 || typeof detector.maxLength !== 'number') continue
          for (const { start, end } of detector.find(new Sample(text), places)) {
            // What a name tells may go on to where its word ends; see `Detector.longest`.
            const beyond = ['secret', 'cookie'].includes(detector.type) ? /^[^\s"'`,;<>()[\]&|\\]*/ : /^/
            const over = text.slice(start + detector.maxLength, end).replace(beyond, '')
            expect(over, `${rank} ${detector.type}: ${text.slice(start, end)}`).toBe('')
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('decide by no more than what a stream still has: a reach in front and a glance behind', () => {
    const far = 'Lorem ipsum dolor sit amet, and so on, until nobody reads any more of what is written here. '
    for (const [before, type, value] of [
      ...announced,
      ...sensitive.map(([t, v]) => ['It is ', t, v] as const),
    ]) {
      const text = `${far}${before}${value}${before.startsWith('postgres') ? '@d' : '\n\n'}`
      const start = far.length + before.length
      const [whole] = findSensitive(text)
      expect(whole, text).toEqual({ start, end: start + value.length, type })
      const kept = text.slice(start - reach, start + value.length + glance)
      expect(findSensitive(kept)).toEqual([{ start: reach, end: reach + value.length, type }])
    }
  })
})

function placesOf(trigger: string, text: string): number[] {
  const places: number[] = []
  for (let at = text.indexOf(trigger); at !== -1; at = text.indexOf(trigger, at + 1))
    places.push(at + trigger.length)
  return places
}
