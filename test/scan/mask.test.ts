import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMasker, findSensitive } from '../../src/scan/mask.ts'

const mask = (text: string) => createMasker().mask(text)

/** Values made up by us, each with the type it must be masked as. */
const sensitive: readonly (readonly [type: string, value: string])[] = [
  ['email', 'jane.doe+news@mail.example.org'],
  ['email', 'müller@bücher.example'],
  ['phone', '+49 30 901820'],
  ['phone', '+1 (212) 555-0100'],
  ['phone', '(415) 555-2671'],
  ['phone', '030 / 901820'],
  ['iban', 'DE89370400440532013000'],
  ['iban', 'GB82 WEST 1234 5698 7654 32'],
  ['card', '4111111111111111'],
  ['card', '5500-0055-5555-5559'],
  ['card', '3782 822463 10005'],
  ['ip', '203.0.113.77'],
  ['ip', '2001:db8::8a2e:370:7334'],
  ['ssn', '219-09-9999'],
  ['german-tax-id', '86095742719'],
  ['jwt', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'],
  ['api-key', 'AKIAQ3EGRQZ7PLMNOK2S'],
  ['api-key', `ghp_${'a1B2c3D4e5F6'.repeat(3)}`],
  ['api-key', `sk-proj-${'Ab3dEf6hIj9k'.repeat(4)}`],
  ['api-key', `tw_abcdef123456_${'s3cr3tS3cr3t'.repeat(4).slice(0, 43)}_a1B2c3`],
]

describe('masking', () => {
  it.each(sensitive)('%s: %s', (type, value) => {
    const text = `It is ${value}, thank you.`
    expect(mask(text)).toBe(`It is <${type}:1>, thank you.`)
    const [span] = findSensitive(text)
    expect(text.slice(span?.start, span?.end)).toBe(value)
  })

  it.each(sensitive)('%s behind what JSON and URLs make of other characters: %s', (_type, value) => {
    const escapes = [
      JSON.stringify({ text: `Here:\n${value}\tend` }),
      JSON.stringify(JSON.stringify({ text: `Here:\n${value}` })),
      JSON.stringify({ text: value }).replaceAll('@', '\\u0040'),
      // Letters beyond ASCII are not undone in URLs.
      ...(/^[\x20-\x7e]*$/.test(value) ? [`q ${encodeURIComponent(value)}&r=1`] : []),
    ]
    for (const text of escapes) {
      const masked = mask(text)
      expect(masked, text).toMatch(/<[a-z-]+:1>/)
      expect(masked).not.toContain(value)
    }
  })

  it('leaves escapes alone that hide nothing', () => {
    for (const text of ['C:\\new\\table', '{"a":"b\\nc \\"d\\" 100%25"}', '\\\\\\\\\\\\\\\\\\n'])
      expect(mask(text)).toBe(text)
    expect(mask('{"password":"Tr0ub4dor-3x"}')).toBe('{"password":"<secret:1>"}')
    expect(mask('{\\"password\\":\\"Tr0ub4dor-3x\\"}')).toBe('{\\"password\\":\\"<secret:1>\\"}')
  })

  it('takes the password out of a URL and leaves the rest', () => {
    expect(mask('postgres://app:hunter2@db.internal:5432/shop')).toBe(
      'postgres://app:<url-password:1>@db.internal:5432/shop',
    )
    expect(mask('https://example.org/a@b')).toBe('https://example.org/a@b')
  })

  it('takes a private key whole, and to the end of the text if its end is missing', () => {
    const body = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'.repeat(20)
    const key = `-----BEGIN RSA PRIVATE KEY-----\n${body}-----END RSA PRIVATE KEY-----`
    expect(mask(`a ${key} b`)).toBe('a <private-key:1> b')
    expect(mask(`a -----BEGIN PRIVATE KEY-----\n${body}`)).toBe('a <private-key:1>')
  })

  it('takes values behind names that say they are secret', () => {
    expect(mask('password = "Tr0ub4dor&3x"')).toBe('password = "<secret:1>"')
    expect(mask('API_KEY: 9f8e7d6c5b4a')).toBe('API_KEY: <secret:1>')
  })

  it.each([
    'The meeting is on 2026-11-22 at 14:30 in room 1234.',
    'Version 10.2.3 of 2025 fixed 1,234,567 problems.',
    'const token = process.env.TOKEN; const key = getKey(user)',
    'std::vector<int> a; x :: Int; a@b',
    '4111111111111112 has a wrong check digit, DE89370400440532013001 too.',
    'Pi is 3.14159265358979, and 12345678901 is just a number.',
    'see https://example.org/path?x=1 and mail at example dot org',
  ])('leaves %j alone', (text) => expect(mask(text)).toBe(text))

  it('gives the same value the same number within a record', () => {
    const masker = createMasker()
    expect(masker.mask('a@x.org b@x.org a@x.org')).toBe('<email:1> <email:2> <email:1>')
    expect(masker.mask('b@x.org')).toBe('<email:2>')
  })

  it('leaks nothing of a planted value, wherever it stands', () => {
    const values = fc.constantFrom(...sensitive.map(([, value]) => value))
    const filler = fc.string({
      unit: fc.constantFrom(' ', 'a', 'Zeit', '\n', '. ', ', ', '(', '"', 'ö', '🙂 '),
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

  it('takes time in proportion to the text, whatever it is', () => {
    const hostile = [
      '1 ',
      '4111 4111 ',
      '+49 30 901820, ',
      'a@',
      'a@b.',
      '1.1.1.1.',
      'a:',
      '::1:',
      'eyJaaaaaaaaa.',
      'DE89 3704 0044 0532 ',
      'a://b:c',
      'password=',
      '-----BEGIN PRIVATE KEY-----',
      'sk-aaaaaaaaaaaaaaaaaaa ',
      '9',
      '(0',
    ]
    for (const piece of hostile) {
      const time = (length: number) => {
        const text = piece.repeat(Math.ceil(length / piece.length))
        const started = process.cpuUsage()
        findSensitive(text)
        const { user, system } = process.cpuUsage(started)
        return user + system
      }
      time(20_000)
      const short = Math.min(...[1, 2, 3].map(() => time(20_000)))
      const long = Math.min(...[1, 2, 3].map(() => time(160_000)))
      expect(long, `${piece}: ${short} µs, ${long} µs`).toBeLessThan(Math.max(short, 2000) * 32)
    }
  })
})
