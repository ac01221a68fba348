import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/detect/sensitive/mask.ts'
import { createStreamDetectors } from '../../src/detect/stream/stream-detectors.ts'
import { StreamWindow } from '../../src/detect/stream/window.ts'

const mask = (text: string) => createMasker().mask(text)

/** Text before, type, a number whose check digits hold, and one whose do not (none where the state has no such digit). */
const named: readonly (readonly [before: string, type: string, value: string, wrong?: string])[] = [
  ['BSN: ', 'bsn', '728318404', '728318405'],
  ['Mijn burgerservicenummer is ', 'bsn', '728318404', '728318406'],
  ['PESEL: ', 'pesel', '92071314764', '92071314765'],
  ['Mój PESEL to ', 'pesel', '92071314764', '92071314761'],
  ['CPF ', 'cpf', '390.533.447-05', '390.533.447-06'],
  ['CNPJ: ', 'cpf', '11.222.333/0001-81', '11.222.333/0001-82'],
  ['TC Kimlik No: ', 'tckn', '10000000146', '10000000147'],
  ['NRIC: ', 'nric', 'S1234567D', 'S1234567E'],
  ['주민등록번호: ', 'rrn', '900101-1234568', '901301-1234568'],
  ['NIF: ', 'nif', '123456789', '123456788'],
  ['personnummer ', 'personnummer', '811228-9874', '811228-9875'],
  ['HETU: ', 'hetu', '131052-308T', '131052-308U'],
  ['CPR-nummer: ', 'cpr', '010190-1234', '321390-1234'],
  ['Aadhaar number: ', 'aadhaar', '2341 2341 2346', '2341 2341 2347'],
  ['SIN: ', 'sin', '046 454 286', '046 454 287'],
  ['TFN ', 'tfn', '123 456 782', '123 456 783'],
  ['fødselsnummer: ', 'fodselsnummer', '01010123476', '01010123477'],
  ['LANR: ', 'lanr', '123456601'],
  ['Steuer-ID: ', 'german-tax-id', '65929970489', '65929970488'],
]

describe('numbers that states give to people', () => {
  it.each(named)('are known behind their name (%s%s)', (before, type, value, wrong) => {
    expect(mask(`${before}${value}, thanks`)).toBe(`${before}<${type}:1>, thanks`)
    if (wrong !== undefined) expect(mask(`${before}${wrong}, thanks`)).not.toContain(`<${type}:`)
    if (type !== 'german-tax-id') expect(mask(`The weight is ${value}, thanks`)).not.toContain(`<${type}:`)
  })

  it.each(named)('leave nothing in a stream (%s%s)', (before, _type, value) => {
    const detectors = createStreamDetectors({
      secrets: false,
      pii: true,
      controls: false,
      links: undefined,
    })()
    const passed = (pieces: readonly string[]) => {
      const window = new StreamWindow(detectors, () => true)
      return pieces.map((piece) => window.push(piece).text).join('') + window.end().text
    }
    const text = `So ${before}${value}, thanks`
    const whole = passed([text])
    expect(whole).not.toContain(value)
    expect(passed([...text])).toBe(whole)
    for (let at = 1; at < text.length; at++) expect(passed([text.slice(0, at), text.slice(at)])).toBe(whole)
  })
})
