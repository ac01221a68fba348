/** However the bytes of an answer are cut, the frames are the same. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wholeDocument } from '../../src/dialects/framing/document.ts'
import type { Frame, Framing } from '../../src/dialects/framing/framing.ts'
import { ndjson } from '../../src/dialects/framing/ndjson.ts'
import { sse } from '../../src/dialects/framing/sse.ts'
import { createUtf8 } from '../../src/dialects/framing/utf8.ts'
import { allRecorded } from '../rig/model-server.ts'

function framesOf(framing: Framing, pieces: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = []
  const splitter = framing.split(({ event, data }) =>
    frames.push(event === undefined ? { data } : { event, data }),
  )
  for (const piece of pieces) splitter.push(piece)
  splitter.end()
  return frames
}

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length))
}

const framingOf = (type: string): Framing =>
  type.includes('event-stream') ? sse : type.includes('ndjson') ? ndjson : wholeDocument
const cuts = fc.array(fc.nat(), { maxLength: 12 })

describe.each(allRecorded.filter(({ response }) => response.chunks.length > 0))('$name', ({ response }) => {
  const type = response.headers.find(([name]) => /^content-type$/i.test(name))?.[1] ?? ''
  const bytes = new TextEncoder().encode(response.chunks.map(({ text }) => text).join(''))
  const framing = framingOf(type)
  const frames = framesOf(framing, [bytes])

  it('has the same frames however it is cut', () => {
    fc.assert(
      fc.property(cuts, (places) => {
        expect(framesOf(framing, cut(bytes, places))).toEqual(frames)
      }),
      { numRuns: 30 },
    )
  })

  it('comes out as it went in', () => {
    const printed = frames.map((frame) => framing.encode(frame)).join('')
    expect(framesOf(framing, [new TextEncoder().encode(printed)])).toEqual(frames)
  })
})

describe('utf-8 in pieces', () => {
  it('is the same text as in one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), cuts, (text, places) => {
        const utf8 = createUtf8()
        const bytes = new TextEncoder().encode(text)
        const decoded =
          cut(bytes, places)
            .map((piece) => utf8.push(piece))
            .join('') + utf8.end()
        expect(decoded).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
      }),
    )
  })

  it('replaces what is no UTF-8 and goes on', () => {
    const utf8 = createUtf8()
    expect(utf8.push(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\ufffdb')
    expect(utf8.push(Uint8Array.of(0xe2, 0x82))).toBe('')
    expect(utf8.end()).toBe('\ufffd')
  })
})

describe('frames', () => {
  it('of NDJSON never are blank lines, which crash a client', () => {
    expect(framesOf(ndjson, [new TextEncoder().encode('\n{"a":1}\n\n\r\n{"b":2}')])).toEqual([
      { data: '{"a":1}' },
      { data: '{"b":2}' },
    ])
  })

  it('of server-sent events keep their name, and lose comments', () => {
    const text = ': keep-alive\n\nevent: ping\ndata: {"a":1}\ndata: 2\n\ndata: x\r\n\r\n'
    const frames = framesOf(sse, [new TextEncoder().encode(text)])
    expect(frames).toEqual([{ event: 'ping', data: '{"a":1}\n2' }, { data: 'x' }])
    expect(sse.encode(frames[0] as Frame)).toBe('event: ping\ndata: {"a":1}\ndata: 2\n\n')
  })

  it.each([
    ['ndjson', ndjson],
    ['sse', sse],
    ['whole', wholeDocument],
  ])('of %s are bounded', (_name, framing) => {
    const splitter = framing.split(() => {})
    const piece = new Uint8Array(8 * 1024 * 1024).fill(0x61)
    if (framing === sse) splitter.push(new TextEncoder().encode('data: '))
    expect(() => {
      for (let sent = 0; sent < 10; sent++) splitter.push(piece)
    }).toThrow(RangeError)
  })
})
