/** What a policy counts as personal data besides what has a form: names it is told, names behind a label, postal addresses. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameFault } from '../../src/detect/sensitive/known-names.ts'
import { createMasker } from '../../src/detect/sensitive/mask.ts'
import { createFinder } from '../../src/detect/sensitive/personal.ts'
import { createStreamDetectors } from '../../src/detect/stream/stream-detectors.ts'
import { StreamWindow } from '../../src/detect/stream/window.ts'

const told = [
  'Anna Müller',
  'Łukasz Żółty',
  'O’Brien',
  'Jean-Luc Picard',
  '王小明',
  'Mary Ann van der Berg',
  'José',
]
const known = createFinder({ names: told, labelled: false })
const all = createFinder({ names: told, labelled: true })
const masked = (finder: typeof known, text: string) => createMasker((each) => finder.find(each)).mask(text)

/** `[…]` is what is masked. */
const namesInTexts = [
  'Ask [Anna Müller] now.',
  '[ANNA MUELLER] and [anna muller]',
  '[Müller, Anna]; [Müller Anna]',
  '[Anna Müller]s car, [Anna Müller]’s car',
  'by [Anna\nMüller] herself',
  '[Łukasz Żółty], [Lukasz Zolty]',
  "[O'Brien] and [O’Brien]'s",
  '[jean luc picard], [Jean-Luc  Picard]',
  '他叫[王小明]先生',
  '[Mary Ann van der Berg] came',
  '{"customer":"[José]"}',
  'Jos\u0065\u0301'.replace(/^/, '[').concat(']'),
  'user_[jose]_1.txt',
]

const namesNowhere = [
  'Anna and Müller',
  'Annalena Müllerin',
  'Joséphine',
  'Mary Ann',
  'Anna; Müller',
  'Picard, captain',
  '王小',
]

const labelled = [
  'Dear Mr [Smith],',
  'Dear [John],\nwelcome.',
  'Sehr geehrte Frau Dr. [Schmidt-Rottluff],',
  'Liebe [Jana],',
  'Patient: [Hans Meier], born in May',
  'Name: [Hans Meier]\nAge: 60',
  '{"name": "[Hans Meier]", "age": 60}',
  '{"firstName":"[Hans]","last_name":"[Meier]"}',
  'customerName: [Bob]',
  'Kunde: [Max Muster]\nOrt: hier',
  'Kontoinhaber: [Muster, Max]',
  'Herr [von der Leyen] sagt',
  'Estimado Sr. [García]:',
  'Szanowna Pani [Kowalska],',
  'Bonjour Madame [Dupont],',
  'Mrs [O’Hara] went',
  'Vorname: [Karl-Heinz]',
  'Nom : [Dupont]',
]

const unlabelled = [
  'Dear Customer,',
  'Dear Sir or Madam,',
  'Liebe Grüße',
  'Sehr geehrte Damen und Herren,',
  'Beste Grüße',
  'Hallo Welt!',
  'name: torwart',
  'file name: Readme',
  'class name: FooBar',
  'Name: gpt-4o-mini',
  '{"name": "get_weather"}',
  'the client: it waits',
  'Patient: yes',
  'Mr. 5',
]

const addresses = [
  'wohnt in der [Musterstraße 12a, 10115 Berlin].',
  'an: [Berliner Straße 5\n01067 Dresden]',
  '[Unter den Linden 77, D-10117 Berlin]',
  '[Hauptstr. 3, 8010 Graz]',
  '[Kirchgasse 7/2/14, A-1010 Wien], Österreich',
  '[Bahnhofstrasse 1, 8001 Zürich]',
  '[Am Markt 3, 99084 Erfurt]',
  '[12 High Street, London SW1A 1AA]',
  '[221B Baker Street\nLondon\nNW1 6XE]',
  '[123 Main St, Springfield, IL 62704-1234]',
  'lives at [1600 Pennsylvania Ave NW, Washington, DC 20500] now',
  '[350 5th Ave, Suite 3300, New York, NY 10118]',
  '[12 bis rue de la Paix, 75002 Paris]',
  '[10, avenue des Champs-Élysées\n75008 Paris]',
  '[Keizersgracht 123-A, 1015 CJ Amsterdam]',
  '[Via Roma 10, 00184 Roma]',
  '[Calle Mayor, 5, 28013 Madrid]',
  'ul. '.replace(/^/, '[').concat('Długa 5/7, 00-238 Warszawa]'),
  '{"address":"[123 Main St, Springfield, IL 62704]"}',
]

const placesAlone = [
  'Musterstraße 12 is closed',
  '123 Main Street is closed, and so is Springfield',
  'in 2024 The New Way, 10115 rows',
  'the 5 Park Walk tests, CA 90001 lines',
  'see section 12 of the Road Map, 75002 Items',
  'Berlin 10115',
]

const plain = (text: string) => text.replaceAll(/[[\]]/g, '')
const expected = (text: string, type: string) => {
  const numbers = new Map<string, number>()
  return text.replaceAll(/\[([^\]]*)\]/g, (_all, value: string) => {
    const number = numbers.get(value) ?? numbers.size + 1
    numbers.set(value, number)
    return `<${type}:${number}>`
  })
}

describe('names that the policy is told', () => {
  it.each(namesInTexts)('are masked in %j', (text) => {
    expect(masked(known, plain(text))).toBe(expected(text, 'name'))
  })

  it.each(namesNowhere)('are not found in %j', (text) => {
    expect(masked(known, text)).toBe(text)
  })

  it('are seen through escapes and through what nobody sees', () => {
    expect(masked(known, '{"a":"Anna M\\u00fcller"}')).toBe('{"a":"<name:1>"}')
    expect(masked(known, 'Anna%20M%C3%BCller')).toBe('<name:1>')
    expect(masked(known, 'An\u200bna Mül\u00adler')).toBe('<name:1>')
  })

  it('may be as long and as many as the limits say, and no fewer than three letters', () => {
    expect(nameFault('Jo')).toMatch(/shorter/)
    expect(nameFault('...')).toMatch(/shorter/)
    expect(nameFault('王明')).toBeUndefined()
    expect(nameFault('A'.repeat(81))).toMatch(/longer/)
    expect(nameFault('a b c d e f g h i')).toMatch(/words/)
    expect(nameFault('Anna Müller')).toBeUndefined()
  })

  it('are found in time that grows with the text alone', () => {
    const names = Array.from({ length: 20_000 }, (_, at) => `Anna Ann${at.toString(36)} Müller`)
    const many = createFinder({ names, labelled: false })
    const cost = (text: string) => {
      const started = process.cpuUsage()
      many.find(text)
      const { user, system } = process.cpuUsage(started)
      return user + system
    }
    for (const piece of ['Anna ', 'anna, ', 'Anna Ann1 ', 'a', '.', '王', 'ann\u0301', "'"]) {
      const short = Math.min(...[1, 2, 3].map(() => cost(piece.repeat(20_000 / piece.length))))
      const long = Math.min(...[1, 2, 3].map(() => cost(piece.repeat(160_000 / piece.length))))
      expect(long, `${piece}: ${short} µs, ${long} µs`).toBeLessThan(Math.max(short, 2000) * 32)
    }
  })
})

describe('names behind a label', () => {
  it.each(labelled)('are masked in %j', (text) => {
    expect(masked(all, plain(text))).toBe(expected(text, 'name'))
  })

  it.each(unlabelled)('are none in %j', (text) => {
    expect(masked(all, text)).toBe(text)
  })
})

describe('postal addresses', () => {
  it.each(addresses)('are masked in %j', (text) => {
    expect(masked(all, plain(text))).toBe(expected(text, 'address'))
  })

  it.each(placesAlone)('are none in %j', (text) => {
    expect(masked(all, text)).toBe(text)
  })
})

describe('in a stream', () => {
  const detectors = createStreamDetectors({
    secrets: false,
    pii: true,
    controls: false,
    links: undefined,
    finder: all,
  })()
  const passed = (pieces: readonly string[]) => {
    const window = new StreamWindow(detectors, () => true)
    return pieces.map((piece) => window.push(piece).text).join('') + window.end().text
  }
  const marked = [...namesInTexts, ...labelled, ...addresses]

  it.each(marked)('leaves nothing of %j, however it is cut', (text) => {
    const whole = `So we write:\n${plain(text)}\nAnd so on.`
    const once = passed([whole])
    for (const [, value = ''] of text.matchAll(/\[([^\]]*)\]/g)) expect(once).not.toContain(value)
    expect(passed([...whole])).toBe(once)
    for (let at = 1; at < whole.length; at++) expect(passed([whole.slice(0, at), whole.slice(at)])).toBe(once)
  })

  it.each([...namesNowhere, ...unlabelled, ...placesAlone])('changes nothing in %j', (text) => {
    for (const pieces of [[text], [...text]]) expect(passed(pieces)).toBe(text)
  })

  it('cuts the same from any mixture, in whatever pieces it comes', () => {
    const parts = fc.constantFrom(
      ...marked.map(plain),
      ...[...namesNowhere, ...unlabelled, ...placesAlone],
      ...['\n', ', ', '12 ', 'Straße', 'Dear ', 'von ', 'Anna ', 'Main ', '. ', 'and ', 'Am '],
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (some, at) => {
        const text = some.join(' ')
        const places = [...new Set(at.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
        const pieces = [0, ...places].map((from, index) => text.slice(from, places[index] ?? text.length))
        const once = passed([text])
        expect(passed(pieces)).toBe(once)
        expect(passed([...text])).toBe(once)
      }),
      { numRuns: 300 },
    )
  })
})
