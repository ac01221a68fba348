import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMasker, findSensitive } from '../../src/detect/sensitive/mask.ts'
import { sensitive } from './made-up-data.ts'

const mask = (text: string) => createMasker().mask(text)

describe('masking', () => {
  it('leaves escapes alone that hide nothing', () => {
    for (const text of [
      'C:\\new\\table',
      '{"a":"b\\nc \\"d\\" 100%25"}',
      '\\\\\\\\\\\\\\\\\\n',
      'a &amp; b &#x41;',
    ])
      expect(mask(text)).toBe(text)
    expect(mask('{"password":"Tr0ub4dor-3x"}')).toBe('{"password":"<secret:1>"}')
    expect(mask('{\\"password\\":\\"Tr0ub4dor-3x\\"}')).toBe('{\\"password\\":\\"<secret:1>\\"}')
  })

  it('takes the password out of a URL and leaves the rest', () => {
    expect(mask('postgres://app:hunter2@db.internal:5432/shop')).toBe(
      'postgres://app:<url-password:1>@db.internal:5432/shop',
    )
    expect(mask('mongodb+srv://app:p@ss@db.internal/shop')).toBe(
      'mongodb+srv://app:<url-password:1>@db.internal/shop',
    )
    expect(mask('https://example.org/a@b')).toBe('https://example.org/a@b')
  })

  it('takes a private key whole, and to the end of the text if its end is missing', () => {
    const body = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'.repeat(20)
    for (const kind of ['RSA ', 'OPENSSH ', 'EC ', 'ENCRYPTED ', '']) {
      const key = `-----BEGIN ${kind}PRIVATE KEY-----\n${body}-----END ${kind}PRIVATE KEY-----`
      expect(mask(`a ${key} b`)).toBe('a <private-key:1> b')
      expect(mask(JSON.stringify({ key }))).toBe('{"key":"<private-key:1>"}')
    }
    const block = `-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n${body}=8xQN\n-----END PGP PRIVATE KEY BLOCK-----`
    expect(mask(`a ${block} b`)).toBe('a <private-key:1> b')
    expect(mask(`a -----BEGIN PRIVATE KEY-----\n${body}`)).toBe('a <private-key:1>')
    expect(mask('a -----BEGIN PRIVATE KEY-----\nMIIEvQ')).toBe('a <private-key:1>')
  })

  it('leaves what people say behind a private key that was cut off', () => {
    const cut = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'.repeat(3)}`
    expect(mask(`${cut}\nPlease tell me whether it is valid.`)).toBe(
      '<private-key:1>Please tell me whether it is valid.',
    )
  })

  it('takes the end of a private key whose beginning is missing', () => {
    const tail = `${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'.repeat(3)}-----END PRIVATE KEY-----`
    expect(mask(`so: ${tail} b`)).toBe('so: <private-key:1> b')
  })

  it('takes tokens of any length whole', () => {
    const long = 'k3Jq9Zx7'.repeat(300)
    for (const value of [
      `eyJhbGciOiJSUzI1NiJ9.eyJz${long}.${long}`,
      `ops_eyJ${long}`,
      `fm2_${long}`,
      `ya29.${long}`,
    ])
      expect(mask(`a ${value} b`)).toMatch(/^a <(?:jwt|api-key):1> b$/)
  })

  it('gives the same value the same number within a record', () => {
    const masker = createMasker()
    expect(masker.mask('a@x.org b@x.org a@x.org')).toBe('<email:1> <email:2> <email:1>')
    expect(masker.mask('b@x.org')).toBe('<email:2>')
  })

  it('takes names for values from somebody else, so that records can be joined', () => {
    const asked: string[] = []
    const named = () =>
      createMasker(findSensitive, (type, value) => {
        asked.push(`${type} ${value}`)
        return `k${value.length}`
      })
    expect(named().mask('a@x.org and 203.0.113.77')).toBe('<email:k7> and <ip:k12>')
    expect(named().mask('to a@x.org')).toBe('to <email:k7>')
    expect(asked).toEqual(['email a@x.org', 'ip 203.0.113.77', 'email a@x.org'])
  })

  it('leaves what is masked already', () => {
    const parts = fc.constantFrom(
      ...sensitive.map(([, value]) => value),
      ' ',
      ', ',
      'key=',
      'token: ',
      '"',
      'Tel. ',
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), (pieces) => {
        const once = mask(pieces.join(' ; '))
        expect(mask(once)).toBe(once)
      }),
    )
  })

  it('leaks nothing of a planted value, wherever it stands', () => {
    const values = fc.constantFrom(...sensitive.map(([, value]) => value))
    const filler = fc.string({
      unit: fc.constantFrom(
        ' ',
        'a',
        'Zeit',
        '\n',
        '. ',
        ', ',
        '(',
        '"',
        'ö',
        '🙂 ',
        '\\n',
        '%20',
        'key: ',
        '\u200b ',
      ),
      maxLength: 20,
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filler, values), { minLength: 1, maxLength: 5 }),
        filler,
        (parts, end) => {
          const text = `${parts.map(([before, value]) => `${before} ${value}`).join(' ; ')} ${end}`
          const masked = mask(text)
          for (const [, value] of parts) expect(masked).not.toContain(value)
        },
      ),
    )
  })
})
