import { describe, expect, it } from 'vitest'
import { createMasker, findSensitive } from '../../src/detect/sensitive/mask.ts'
import { unescaped } from '../../src/detect/sensitive/unescape.ts'
import { sensitive } from './made-up-data.ts'

const mask = (text: string) => createMasker().mask(text)
const everyCharacter = (text: string, written: (character: string) => string) =>
  [...text].map(written).join('')
const fullWidth = (text: string) =>
  text.replaceAll(/[!-~]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))

const disguises: readonly (readonly [name: string, of: (value: string) => string])[] = [
  ['JSON', (value) => JSON.stringify({ text: `Here:\n${value}\tend` })],
  ['JSON in JSON', (value) => JSON.stringify(JSON.stringify({ text: `Here:\n${value}` }))],
  [
    'JSON escapes',
    (value) => everyCharacter(value, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  ],
  ['a query', (value) => `q ${encodeURIComponent(value)}&r=1`],
  ['a query in a query', (value) => `q ${encodeURIComponent(encodeURIComponent(value))}&r=1`],
  ['HTML', (value) => `<b>${everyCharacter(value, (c) => `&#${c.codePointAt(0)};`)}</b>`],
  ['HTML in hexadecimal', (value) => everyCharacter(value, (c) => `&#x${c.codePointAt(0)?.toString(16)};`)],
  ['full width', (value) => `${fullWidth(value)} `],
  ['without width', (value) => everyCharacter(value, (c) => `${c}\u200b`)],
  ['colours', (value) => everyCharacter(value, (c) => `${c}\u001b[1m`)],
  ['colours in JSON', (value) => JSON.stringify({ text: everyCharacter(value, (c) => `${c}\u001b[1m`) })],
  ['a title of the window', (value) => everyCharacter(value, (c) => `${c}\u001b]0;x\u0007`)],
  ['control characters', (value) => everyCharacter(value, (c) => `${c}\u0000`)],
  ['tags', (value) => everyCharacter(value, (c) => `${c}\u{E0041}`)],
  ['soft hyphens', (value) => everyCharacter(value, (c) => `${c}\u00ad`)],
]

describe('disguises', () => {
  it.each(disguises)('of %s hide nothing', (_name, disguised) => {
    for (const [type, value] of sensitive) {
      const text = disguised(value)
      const masked = mask(text)
      expect(masked, `${value} as ${text}`).toContain(`<${type}:1>`)
      expect(masked).not.toContain(value)
      expect(unescaped(masked)?.text ?? masked).not.toContain(value)
    }
  })

  it('are covered whole, and nothing beside them', () => {
    expect(mask('a ４１１１ １１１１ １１１１ １１１１ b')).toBe('a <card:1> b')
    expect(mask('tel +49\u200b 30\u200b 901\u200b820 b')).toBe('tel <phone:1> b')
    expect(mask('x jane%2Bnews%40example.org y')).toBe('x <email:1> y')
    expect(mask('m%C3%BCller%40b%C3%BCcher.example')).toBe('<email:1>')
    expect(mask('jane&commat;example&period;org')).toBe('<email:1>')
    expect(mask('٤١١١١١١١١١١١١١١١')).toBe('<card:1>')
  })

  it('are found far from each other in a long text, at their places', () => {
    const plain = 'Nothing is hidden in these lines, not even here. '.repeat(100)
    const text = `${plain}jane\\u0040example.org ${plain}${plain}%34111111111111111 ${plain}`
    expect(findSensitive(text).map(({ start, end, type }) => [type, text.slice(start, end)])).toEqual([
      ['email', 'jane\\u0040example.org'],
      ['card', '%34111111111111111'],
    ])
  })

  it('that are none are left as they are', () => {
    for (const text of ['100%', '%zz %C3', '&nothing; &#;', '\\x', 'a\\u12'])
      expect(unescaped(text)).toBeUndefined()
  })
})
