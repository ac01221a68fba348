/** Arguments of tool calls: read as they are meant, left as they were written, valid JSON whatever is cut out. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/detect/sensitive/mask.ts'
import { maskJson } from '../../src/detect/sensitive/mask-json.ts'
import { JsonWindow } from '../../src/detect/stream/json-window.ts'
import { createStreamDetectors } from '../../src/detect/stream/stream-detectors.ts'
import { StreamWindow } from '../../src/detect/stream/window.ts'

const secret = 'sk-proj-Kq7Zx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty'
const detectors = createStreamDetectors({ secrets: true, pii: true, controls: false, links: undefined })()
/** With these most words pass at once. */
const calm = createStreamDetectors({ secrets: true, pii: false, controls: false, links: undefined })()

function run(pieces: readonly string[], sought = detectors): string {
  const window = new JsonWindow(new StreamWindow(sought, () => true))
  return pieces.map((piece) => window.push(piece)).join('') + window.end()
}

/** The same JSON with some characters of its strings written as escapes. */
const escaped = (json: string, every: number) => {
  let inString = false
  let out = ''
  for (let at = 0; at < json.length; at++) {
    const character = json.charAt(at)
    if (inString && character === '\\') {
      out += json.slice(at, at + 2)
      at++
    } else if (character === '"') {
      inString = !inString
      out += character
    } else if (inString && at % every === 0)
      out += `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
    else out += character
  }
  return out
}
const cut = (text: string, places: readonly number[]) => {
  const sorted = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...sorted].map((from, index) => text.slice(from, sorted[index] ?? text.length))
}
const places = fc.array(fc.nat(), { maxLength: 20 })
const every = fc.integer({ min: 1, max: 9 })
const clean = fc.constantFrom<unknown>(
  'a word',
  'Größe "quoted" \\ back',
  12,
  -1.5e3,
  true,
  null,
  { deep: ['x'] },
  '\n\t😀',
)

describe('arguments in pieces', () => {
  it('that are clean leave byte for byte', () => {
    fc.assert(
      fc.property(fc.array(clean), every, places, (values, often, at) => {
        const json = escaped(JSON.stringify({ values, path: '/data/a.txt' }, null, 1), often)
        for (const pieces of [cut(json, at), [...json], [json]]) expect(run(pieces)).toBe(json)
      }),
    )
  })

  it('lose a key, however it is written and cut, and stay JSON', () => {
    fc.assert(
      fc.property(fc.array(clean), every, places, (values, often, at) => {
        const json = escaped(JSON.stringify({ values, to: `use ${secret} for it`, [secret]: 1 }), often)
        for (const pieces of [cut(json, at), [...json], [json]]) {
          const out = JSON.parse(run(pieces)) as Record<string, unknown>
          expect(out).toEqual({ values, to: 'use [redacted:api-key] for it', '[redacted:api-key]': 1 })
        }
      }),
    )
  })

  it.each([
    ['{"card": 4111111111111111, "n": 7}', '{"card": "[redacted:card]", "n": 7}'],
    ['{"note":"\\nann@example.org\\n"}', '{"note":"\\n[redacted:email]\\n"}'],
    ['{"password": "hunter2horse9"}', '{"password": "[redacted:secret]"}'],
    ['{"pem":"-----BEGIN PRIVATE KEY-----\\nMIIB', '{"pem":"[redacted:private-key]'],
    ['{"pem":"-----BEGIN PRIVATE KEY-----\\nMIIB","b":"c"}', '{"pem":"[redacted:private-key]","b":"c"}'],
  ])('%s', (json, expected) => {
    for (const pieces of [[json], [...json]]) expect(run(pieces)).toBe(expected)
  })

  it('take time in proportion, however much is taken out of one string', () => {
    const cost = (keys: number) => {
      const text = JSON.stringify({ to: `\n${`${secret} `.repeat(keys)}` })
      const started = process.cpuUsage()
      expect(run([text])).not.toContain('Kq7Z')
      const { user, system } = process.cpuUsage(started)
      return user + system
    }
    cost(1000)
    const short = Math.min(cost(1000), cost(1000))
    expect(cost(10_000)).toBeLessThan(Math.max(short, 5000) * 30)
  })

  it('that are no JSON are text', () => {
    expect(run([...`call me with ${secret} please`])).toContain('redacted')
    expect(run([...`call me with ${secret} please`])).not.toContain('Kq7Z')
    expect(run(['{"a":"\\u00'])).toBe('{"a":"\\u00')
  })

  const password = 'hunter2horse9'
  it.each([
    ['items of an array', { password: ['guest', password] }],
    ['a member below', { secret: { value: 'k3jq9zx7h2vb' } }],
    ['an array below', { login: { passwords: ['none yet', password] } }],
    ['the first item', { password: [password] }],
    ['a member below a name with a digit', { db1: { password } }],
  ])('lose a secret that a name further up tells: %s', (_name, value) => {
    const json = JSON.stringify({ n: 1, ...value, note: 'to Bonn', list: ['a', 'b'] })
    const secret = json.includes(password) ? password : 'k3jq9zx7h2vb'
    for (const pieces of [[json], [...json], json.match(/[\s\S]{1,7}/g) ?? []])
      expect(run(pieces)).toBe(json.replace(secret, '[redacted:secret]'))
    const masked = maskJson(json, createMasker())
    expect(JSON.parse(masked)).toEqual(JSON.parse(json.replace(secret, '<secret:1>')))
  })

  it.each([
    'tng2tw8v,DeRi1z4b5T9;x',
    'tng2tw8v"DeRi1z4b5T9',
    'tng2tw8v\\DeRi1z4b5T9',
    'tng2tw8v<DeRi1z4b5T9>',
    'tng2tw8v\nDeRi1z4b5T9',
    `tng2tw8v${'Kq7Zx2Wm'.repeat(50)}\n"${'DeRi1z4b'.repeat(300)}`,
  ])('lose all of a secret, whatever would end it in prose: %j', (password) => {
    for (const value of [{ password }, { db: { password } }]) {
      const json = JSON.stringify({ n: 1, ...value, note: 'to Bonn' })
      for (const pieces of [[json], [...json], json.match(/[\s\S]{1,7}/g) ?? []]) {
        const out = run(pieces)
        expect(out).toBe(
          JSON.stringify({ n: 1, ...value, note: 'to Bonn' }).replace(
            JSON.stringify(password),
            '"[redacted:secret]"',
          ),
        )
      }
      expect(maskJson(json, createMasker())).not.toMatch(/tng2|DeRi|z4b5/)
    }
  })

  it('lose a private key whose lines are items', () => {
    const lines = Array.from({ length: 20 }, () => 'MIIEowIBAAKCAQEA7v3KqZx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty')
    const key = ['-----BEGIN RSA PRIVATE KEY-----', ...lines, '-----END RSA PRIVATE KEY-----']
    const json = JSON.stringify({ lines: ['first', ...key, 'last'], after: 'MIIEow' })
    for (const pieces of [[json], [...json], json.match(/[\s\S]{1,11}/g) ?? []]) {
      const out = JSON.parse(run(pieces)) as { lines: string[]; after: string }
      expect(out.lines.filter(Boolean)).toEqual(['first', '[redacted:private-key]', 'last'])
      expect(out.after).toBe('MIIEow')
    }
  })

  it('that are no JSON lose a key all the same', () => {
    const pem = `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEowIBAAKCAQEA7v3Kq\n'.repeat(40)}-----END RSA PRIVATE KEY-----`
    for (const text of [`${pem} x`, `{'key': '${pem}'} x`, `{"a": 1, b: ${pem}} x`])
      for (const pieces of [[text], [...text]]) {
        const out = run(pieces)
        expect(out).not.toContain('MII')
        expect(out).toMatch(/ x$/)
      }
    for (const pieces of [[`{'password': '${password}'}`], [...`{'password': '${password}'}`]])
      expect(run(pieces)).toBe("{'password': '[redacted:secret]'}")
  })

  it('lose a key that begins like a word where the string before ended within one', () => {
    const json = JSON.stringify({ x: 'abc', y: 'AKIAQWERTYUIOPASDFGH' })
    const at = json.indexOf('AKIA') + 4
    expect(run([json.slice(0, at), json.slice(at)], calm)).toBe('{"x":"abc","y":"[redacted:api-key]"}')
  })
})
