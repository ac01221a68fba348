import { describe, expect, it } from 'vitest'
import { createScanner } from '../../src/detect/injection/scanner.ts'
import { detectors } from '../../src/detect/sensitive/detectors.ts'
import { findSensitive } from '../../src/detect/sensitive/mask.ts'
import { createStreamDetectors } from '../../src/detect/stream/stream-detectors.ts'
import { StreamWindow } from '../../src/detect/stream/window.ts'
import { loadPacks } from '../../src/policy/packs.ts'
import { effort } from '../rig/effort.ts'

const triggers = [...new Set(detectors.flatMap((detector) => detector.triggers))]

/**
 * Returns the least of some, in microseconds of CPU: neighbours disturb it least.
 * @param enough below which the rest need not be measured
 */
function minCost(work: () => void, times: number, enough = 0): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < times && least >= enough; round++) {
    const started = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(started)
    least = Math.min(least, user + system)
  }
  return least
}

function cost(piece: string, length: number, enough = 0): number {
  const text = piece.repeat(Math.ceil(length / piece.length))
  return minCost(() => findSensitive(text), 3, enough)
}

describe('finding takes time in proportion to the text', () => {
  const hostile = [
    ...[
      '1 ',
      '4111 4111 ',
      '+49 30 901820, ',
      'a@',
      'a@b.',
      '1.1.1.1.',
      'a:',
      '::1:',
      '9',
      '(0',
      '+1',
      '001 ',
      '1/1/',
    ],
    ...[
      'eyJaaaaaaaaa.',
      'eyJaaaaa.ey',
      'DE89 3704 0044 0532 ',
      'a://b:c',
      'a://b:c@',
      'password=',
      'token=abc def ',
    ],
    ...[
      '-----BEGIN PRIVATE KEY-----',
      '-----END PRIVATE KEY-----',
      'sk-aaaaaaaaaaaaaaaaaaa ',
      'Cookie: a=',
      '1-',
    ],
    ...[
      '\\u0031',
      '%31',
      '%2531',
      '&#49;',
      '\u200b',
      '１',
      '\\n',
      '1\u200b',
      'A1',
      'a1b2c3d4',
      'bc1',
      '0x',
      'é1',
    ],
    ...['"a":"', '(1', 'key is ', 'born in ', 'x=1&'],
  ]
  it.each(hostile)('%j again and again', (piece) => {
    cost(piece, 20_000)
    const short = cost(piece, 20_000)
    const bound = Math.max(short, 2000) * 32
    const long = cost(piece, 160_000, bound)
    expect(long, `${short} µs, ${long} µs`).toBeLessThan(bound)
  })

  const behinds = ['', 'a', ' ', '="a1', ': ']
  // Once, each trigger has one of them behind it; in the long run, all.
  const apart = effort(behinds.length, 1)
  it.each(behinds.map((behind, index) => ({ behind, index })))(
    'and so for triggers with $behind behind them',
    ({ behind, index }) => {
      for (const trigger of triggers.filter((_, at) => at % apart === index % apart)) {
        const long = cost(trigger + behind, 20_000, 40_000)
        // Tens of milliseconds are a few hundred nanoseconds a unit; anything that is not linear takes seconds.
        if (long > 40_000) expect(cost(trigger + behind, 80_000, long * 10), trigger).toBeLessThan(long * 10)
      }
    },
    120_000,
  )
})

describe('runs and what nobody sees take no more than ten times as long as prose', () => {
  const length = 131_072
  const filled = (piece: string) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length)
  const prose = filled(
    'On Tuesday the gardeners met behind the old mill, counted their tools and wrote a list of what was missing.\n',
  )
  const cheap = {
    'one capital letter': filled('A'),
    'one small letter': filled('a'),
    'base64 of zeros': filled(Buffer.alloc(96).toString('base64')),
    'letters with nothing between them that is seen': filled('a\u200b'),
    'soft hyphens': filled('a\u00ad'),
    'joiners alone': filled('\u200d'),
    'no-width spaces alone': filled('\u200b'),
    'variation selectors': filled('\ufe0f'),
    tags: filled('\u{e0041}'),
  }
  const scanner = createScanner(loadPacks())
  const streamed = (text: string, pii: boolean) => {
    const detectors = createStreamDetectors({ secrets: true, pii, controls: true, links: [] })()
    const window = new StreamWindow(detectors, () => true)
    // As models write: four characters a frame.
    for (let at = 0; at < 16_384; at += 4) {
      const piece = text.slice(at, at + 4)
      if (!window.passes(piece)) window.push(piece)
    }
    window.end()
  }
  const ways: Record<string, (text: string) => void> = {
    'in requests': (text) => scanner.scan(text, 'user'),
    'in records': (text) => findSensitive(text),
    'in streams': (text) => streamed(text, true),
    'in streams without personal data': (text) => streamed(text, false),
  }
  // Where prose passes without a look, it says nothing of what a look may take.
  const costOfProse = (way: string, work: (text: string) => void) =>
    minCost(() => (way.startsWith('in streams') ? streamed(prose, true) : work(prose)), 6)
  const references = new Map(Object.entries(ways).map(([way, work]) => [way, costOfProse(way, work)]))

  it.each(
    Object.entries(ways).flatMap(([way, work]) =>
      Object.entries(cheap).map(([name, text]) => ({ way, name, work, text })),
    ),
  )('$name $way', ({ way, work, text }) => {
    let ofProse = references.get(way) ?? 0
    // As often as it takes until it is compiled and no neighbour disturbs it.
    let own = minCost(() => work(text), 16, ofProse * 10)
    // Prose was measured before: where a neighbour has come since, both are measured side by side.
    for (let left = 4; left > 0 && own / ofProse >= 10; left--) {
      ofProse = costOfProse(way, work)
      own = minCost(() => work(text), 16, ofProse * 10)
    }
    expect(own / ofProse, `${own} µs, prose ${ofProse} µs`).toBeLessThan(10)
  })
})
