import { describe, expect, it } from 'vitest'
import { detectors } from '../../src/scan/detectors/detectors.ts'
import { findSensitive } from '../../src/scan/mask.ts'

const triggers = [...new Set(detectors.flatMap((detector) => detector.triggers))]

/** The least of three, in microseconds of CPU: neighbours disturb it least. */
function cost(piece: string, length: number): number {
  const text = piece.repeat(Math.ceil(length / piece.length))
  return Math.min(
    ...[1, 2, 3].map(() => {
      const started = process.cpuUsage()
      findSensitive(text)
      const { user, system } = process.cpuUsage(started)
      return user + system
    }),
  )
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
    const long = cost(piece, 160_000)
    expect(long, `${short} µs, ${long} µs`).toBeLessThan(Math.max(short, 2000) * 32)
  })

  it.each(['', 'a', ' ', '="a1', ': '])(
    'and so for each trigger with %j behind it',
    (behind) => {
      for (const trigger of triggers) {
        const long = cost(trigger + behind, 50_000)
        // Tens of milliseconds are a few hundred nanoseconds a unit; anything that is not linear takes seconds.
        if (long > 100_000) expect(cost(trigger + behind, 200_000), trigger).toBeLessThan(long * 10)
      }
    },
    120_000,
  )
})
