/**
 * Frames that are read by what they have in common with the one before, against the reader that parses every frame: over
 * every dialect, whatever a server sends, both hand the same texts to the output guard, send the same bytes and refuse alike.
 */
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { isObject, tryJson } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import { type OutputFilter, toFrames } from '../../src/dialects/common/output-filter.ts'
import { RepeatedFrames } from '../../src/dialects/common/repeated-frames.ts'
import type { ResponseReader } from '../../src/dialects/dialect.ts'
import { framingOf } from '../../src/dialects/framing/content-type.ts'
import type { Frame } from '../../src/dialects/framing/framing.ts'
import { createFrameBuffer } from '../../src/pipeline/response/frame-buffer.ts'
import { judgeTexts } from '../../src/pipeline/response/tool-calls-in-text.ts'
import { guardWith } from '../rig/guarding.ts'
import { readerFor, type Said, type Speaker, speakers } from '../rig/speakers.ts'

afterEach(() => vi.restoreAllMocks())

const streaming = speakers.filter(({ stream }) => stream)
const silent: Said = { content: '', thinking: '', args: '', second: '' }

/** Runs something with every frame read in full. */
function inFull<T>(run: () => T): T {
  const spy = vi.spyOn(RepeatedFrames.prototype, 'read').mockReturnValue(undefined)
  try {
    return run()
  } finally {
    spy.mockRestore()
  }
}

/** Runs something and gathers the frames that were not parsed. */
function repeatedIn(run: () => void): Frame[] {
  const frames: Frame[] = []
  const read = RepeatedFrames.prototype.read
  const spy = vi.spyOn(RepeatedFrames.prototype, 'read').mockImplementation(function (
    this: RepeatedFrames,
    frame,
    ...rest
  ) {
    const passed = read.call(this, frame, ...rest)
    if (passed) frames.push(frame)
    return passed
  })
  try {
    run()
  } finally {
    spy.mockRestore()
  }
  return frames
}

/** Holds what ends with a letter of `held`, cuts the word "cut", ends the response at "stop". */
class Noting implements OutputFilter {
  readonly asked: (readonly string[])[] = []
  readonly judgesCalls: boolean
  readonly #held = new Map<string, string>()
  cuts = 0

  constructor(judgesCalls: boolean) {
    this.judgesCalls = judgesCalls
  }

  get isHolding(): boolean {
    return [...this.#held.values()].some(Boolean)
  }

  next(channel: string, kind: string, piece: string): string {
    this.asked.push(['next', channel, kind, piece])
    const text = (this.#held.get(channel) ?? '') + this.#without(piece)
    const hold = /[sx]$/.test(text) ? text.length - 1 : text.length
    this.#held.set(channel, text.slice(hold))
    return text.slice(0, hold)
  }

  rest(channel: string): string {
    this.asked.push(['rest', channel])
    const held = this.#held.get(channel) ?? ''
    this.#held.delete(channel)
    return held
  }

  whole(kind: string, text: string): string {
    this.asked.push(['whole', kind, text])
    return this.#without(text)
  }

  #without(text: string): string {
    if (text.includes('stop')) throw new Refusal('output_blocked', { detail: 'stop' })
    if (!text.includes('cut')) return text
    this.cuts++
    return text.replaceAll('cut', '[gone]')
  }
}

interface Sent {
  readonly speaker: Speaker
  readonly frames: readonly Frame[]
  readonly judgesCalls: boolean
  readonly isAlias: boolean
}

/** All that a reader does with frames, up to where it fails. */
function outcomeOf({ speaker, frames, judgesCalls, isAlias }: Sent): object {
  const reader = readerOf(speaker, isAlias)
  const filter = new Noting(judgesCalls)
  const left: Frame[][] = []
  let failure: unknown
  try {
    for (const frame of frames) {
      if (reader.state === 'ended' || reader.state === 'failed') break
      left.push([...toFrames(reader.frame(frame, filter))])
      const calls = reader.waiting ?? []
      if (calls.length === 0) continue
      const verdicts = calls.map(() => ({ kind: 'pass' }) as const)
      left.push([...toFrames(reader.resume?.(verdicts, filter))])
    }
  } catch (cause) {
    failure = cause instanceof Refusal ? [cause.code, cause.detail] : String(cause)
  }
  const { state, usage, transcript, held } = reader
  const { text, toolCalls, size } = transcript
  const error = reader.errorFrame?.({ code: 'internal', message: 'm', type: 't' } as never)
  return {
    left,
    failure,
    state,
    usage,
    text,
    toolCalls,
    size,
    held,
    error,
    asked: filter.asked,
    cuts: filter.cuts,
  }
}

function readerOf(speaker: Speaker, isAlias: boolean): ResponseReader {
  return readerFor(isAlias ? { ...speaker, body: { ...speaker.body, model: 'alias' } } : speaker)
}

function framesOf(speaker: Speaker, bytes: string): Frame[] {
  const frames: Frame[] = []
  const splitter = framingOf(speaker.contentType).split((frame) => frames.push(frame))
  splitter.push(Buffer.from(bytes))
  splitter.end()
  return frames
}

const word = fc.constantFrom(
  ...[
    'The ',
    'capital',
    'größer',
    ' 日本',
    '😀',
    'x',
    's',
    ' cut ',
    'stop',
    '"quoted"',
    '\n',
    '\\',
    '\t',
    '\u0000',
    '/',
  ],
  ...[
    '\u2028',
    '\u007f',
    '\ufeff',
    '<tool_call>',
    '{"name":',
    '","content":"',
    '\\u0041',
    'sk-',
    'a',
    ' word',
  ],
)
const words = fc.array(word, { maxLength: 12 })
const said = fc.record({ content: words, thinking: words, second: words, calls: fc.boolean() })
type Spoken = typeof said extends fc.Arbitrary<infer T> ? T : never

function speak(speaker: Speaker, { content, thinking, second, calls }: Spoken): string {
  const pieces = [content, thinking, second]
  const joined = Object.fromEntries(pieces.map((each) => [each.join(''), each]))
  const texts = { content: content.join(''), thinking: thinking.join(''), second: second.join('') }
  const args = calls ? '{"to":"bob"}' : ''
  const said: Said = {
    ...silent,
    ...Object.fromEntries(
      speaker.channels.map((channel) => [channel, channel === 'args' ? args : texts[channel]]),
    ),
  }
  return speaker.speak(said, (text) => (text === args ? [...text] : (joined[text] ?? [text]).filter(Boolean)))
}

/** What a hostile server may do to one frame. */
const change = fc.oneof(
  fc.constantFrom({ event: undefined }, { event: 'content_block_start' }, { event: 'response.created' }),
  fc.record({
    at: fc.nat(),
    skip: fc.nat({ max: 3 }),
    put: fc.constantFrom(
      ...[
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ':',
        ',',
        ' ',
        '\u0000',
        '\t',
        '\r',
        '\ufeff',
        '0',
        '9',
        '-',
        'e',
        'K',
      ],
      ...['\\u0000', '\\"', '\\n', '\\/', '\\ud800', '\\u0022', '","done":true,"x":"', '\ud83d', 'null', ''],
    ),
  }),
  fc.constantFrom<(data: string) => string>(
    (data) => data.replace(/"(done|delta|index|type)":/, '"$1":0,"$1":'),
    (data) => data.replace('"content"', '"con\\u0074ent"'),
    (data) => data.replace('"content"', '"Content"'),
    (data) => data.replace('"model"', '"mo\\u0064el"'),
    (data) => data.replace(/"(content|delta|text|response)":"/, '"$1":"\\u0000'),
    (data) => data.replace(/"(content|delta|text|response)":"/, '"$1":"\\"'),
    (data) => data.replace(/"(content|delta|text|response)":"/, '"$1":"x","$1":"'),
    (data) =>
      data.replace(/"(created|sequence_number|index)":(\d+)/, (_, key, n) => `"${key}":${Number(n) + 1}`),
    (data) => data.replace(/"(created|sequence_number|index)":(\d+)/, '"$1":$2.0'),
    (data) => data.replace(/"(created|sequence_number|index)":(\d+)/, '"$1":0$2'),
    (data) => data.replace('{', '{"tool_calls":[{"function":{"name":"send","arguments":{}}}],'),
    (data) => data.replace('}', ',"tool_calls":[{"index":0,"function":{"name":"send","arguments":"{}"}}]}'),
    (data) => data.replace('}', ',"usage":{"prompt_tokens":1,"completion_tokens":2}}'),
    (data) => data.replace('{', '{"error":"died",'),
    (data) => data.replace('"finish_reason":null', '"finish_reason":"stop"'),
    (data) => data.replace('"done":false', '"done":true'),
    (data) => data.replace('"model":"m"', '"model":"m","created_at":"2026-12-01T00:00:00.123456789Z"'),
    (data) => data.replace('"model":"m"', '"model":"m","created_at":"2026-12-01T00:00:01+01:00"'),
    (data) => data.replace('"model":"m"', '"model":"m","created_at":"2026-12-01T00:00:01Z\\n"'),
    (data) => data.replaceAll(':', ': '),
    (data) => `\ufeff${data}`,
    (data) => `${data}\r`,
    (data) => `${data} `,
    (data) => `${data}{}`,
    (data) => data.slice(0, -1),
  ),
)
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

function changed(frame: Frame, how: Change): Frame {
  const { data } = frame
  if (typeof how === 'function') return { ...frame, data: how(data) }
  if ('event' in how) return { ...frame, ...how }
  const at = how.at % (data.length + 1)
  return { ...frame, data: data.slice(0, at) + how.put + data.slice(at + how.skip) }
}

const changes = fc.array(fc.record({ frame: fc.nat(), how: change, also: fc.boolean() }), { maxLength: 3 })

/** Changes some frames, and sometimes all behind them in the same way, or one that is said twice. */
function hostile(
  frames: readonly Frame[],
  all: typeof changes extends fc.Arbitrary<infer T> ? T : never,
): Frame[] {
  const list = frames.map((frame) => ({ ...frame }))
  for (const { frame, how, also } of all) {
    const first = frame % Math.max(1, list.length)
    for (let at = first; at < (also ? list.length : first + 1); at++) {
      const before = list[at]
      if (before) list[at] = changed(before, how)
    }
  }
  return list
}

describe.each(streaming.map((speaker) => [speaker.name, speaker] as const))('%s', (_name, speaker) => {
  it('hands on, sends and refuses the same as when every frame is parsed, whatever the server does', () => {
    fc.assert(
      fc.property(said, changes, fc.boolean(), fc.boolean(), (spoken, how, judgesCalls, isAlias) => {
        const frames = hostile(framesOf(speaker, speak(speaker, spoken)), how)
        const sent = { speaker, frames, judgesCalls, isAlias }
        const full = inFull(() => outcomeOf(sent))
        expect(outcomeOf(sent)).toEqual(full)
      }),
      { numRuns: 200 },
    )
  })

  it('sends the same bytes through the guard, wherever the stream is cut', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 20 })
    fc.assert(
      fc.property(said, changes, cuts, fc.boolean(), fc.boolean(), (spoken, how, places, pii, crlf) => {
        const encode = framingOf(speaker.contentType).encode
        const frames = hostile(framesOf(speaker, speak(speaker, spoken)), how)
        const text = frames.map(encode).join('')
        const bytes = Buffer.from(crlf ? `\ufeff${text.replaceAll('\n', '\r\n')}` : text)
        const run = (ends: readonly number[]) => bytesThrough(speaker, bytes, ends, pii)
        expect(run(places.map((place) => place % (bytes.length + 1)))).toEqual(inFull(() => run([])))
      }),
      { numRuns: 50 },
    )
  })

  it('parses a few frames of a plain stream only', () => {
    const pieces = Array.from({ length: 100 }, (_, index) => ` word${index % 7 ? '' : '"\n\\'}`)
    const spoken = { content: pieces, thinking: [], second: [], calls: false }
    for (const isAlias of [false, true]) {
      const frames = framesOf(speaker, speak(speaker, spoken))
      const repeated = repeatedIn(() => outcomeOf({ speaker, frames, judgesCalls: true, isAlias }))
      expect(repeated.length).toBeGreaterThan(95)
    }
  })

  it('parses every frame with a call, a finish reason, a usage, an error or an end', () => {
    fc.assert(
      fc.property(said, changes, fc.boolean(), (spoken, how, judgesCalls) => {
        const frames = hostile(framesOf(speaker, speak(speaker, spoken)), how)
        const repeated = repeatedIn(() => outcomeOf({ speaker, frames, judgesCalls, isAlias: false }))
        for (const { data } of repeated) expect(isPlainPiece(data)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })
})

/** Whether a frame has none of what must be parsed. */
function isPlainPiece(data: string): boolean {
  const document = tryJson(data)
  if (!isObject(document) || document.done === true || document.error !== undefined) return false
  if (isObject(document.usage) || isObject(document.response) || isObject(document.item)) return false
  const type = String(document.type)
  if (document.type !== undefined && !/^(?:content_block_delta|response\.[a-z_]*text\.delta)$/.test(type))
    return false
  return !/"(?:tool_calls|function_call|partial_json|finish_reason":"[^"]|stop_reason)/.test(data)
}

/** What leaves of a stream that comes in pieces: its bytes, and how it ended. */
function bytesThrough(speaker: Speaker, bytes: Buffer, ends: readonly number[], pii: boolean): object {
  const guard = guardWith(pii ? { pii: 'redact' } : {})
  const filter = judgeTexts(guard.filter, () => ({ kind: 'pass' }))
  const reader = readerOf(speaker, false)
  const framing = framingOf(speaker.contentType)
  let text = ''
  const buffer = createFrameBuffer(filter, (frame) => {
    text += framing.encode(frame)
  })
  const add = (frames: readonly Frame[]) => {
    frames.forEach(buffer.add)
    buffer.settle(reader.state === 'ended')
  }
  const splitter = framing.split((frame) => {
    if (reader.state === 'ended' || reader.state === 'failed') return
    add(toFrames(reader.frame(frame, filter)))
    const verdicts = (reader.waiting ?? []).map(() => ({ kind: 'pass' }) as const)
    if (verdicts.length > 0) add(toFrames(reader.resume?.(verdicts, filter)))
  })
  try {
    const places = [0, ...ends.toSorted((a, b) => a - b), bytes.length]
    for (let at = 1; at < places.length; at++) splitter.push(bytes.subarray(places[at - 1], places[at]))
    splitter.end()
    guard.finish()
  } catch (cause) {
    return { text, failure: cause instanceof Refusal ? [cause.code, cause.detail] : String(cause) }
  }
  return { text, state: reader.state, findings: guard.findings, said: reader.transcript.text }
}

describe('RepeatedFrames', () => {
  const ollama = streaming.find(({ path }) => path === '/api/chat') as Speaker
  const line = (content: string, more = '') =>
    `{"model":"m","created_at":"2026-12-01T00:00:0${content.length % 10}.5Z","message":{"role":"assistant","content":"${content}"},"done":false${more}}`
  const isRepeated = (...datas: readonly string[]) => {
    const frames = datas.map((data) => ({ data }))
    const last = frames.at(-1) as Frame
    return repeatedIn(() =>
      outcomeOf({ speaker: ollama, frames, judgesCalls: false, isAlias: false }),
    ).includes(last)
  }

  it('reads a frame by the one before, whose time is another', () => {
    expect(isRepeated(line('a'), line('bc'))).toBe(true)
    expect(isRepeated(line('a'), line('say \\"hi\\"\\n'))).toBe(true)
  })

  it.each([
    ['another escape', line('b\\u0000c')],
    ['half a character', line('b\\ud800')],
    ['a quote that ends the text', line('b","content":"c')],
    ['a control character', line('b\tc')],
    ['another member', line('b', ',"x":1')],
    ['a member twice', line('b', ',"done":false')],
    ['white space', `${line('b')} `],
    ['no text', line('')],
    ['a time that is none', line('b').replace('T00', 't00')],
    ['the end', line('b').replace('false', 'true')],
  ])('parses a frame with %s', (_what, data) => {
    expect(isRepeated(line('a'), line('aa'), data)).toBe(false)
  })

  it('learns nothing of a frame that is printed with white space, whose text occurs as a mark, or that is held behind others', () => {
    const spaced = (text: string) => line(text).replaceAll('":', '": ')
    expect(isRepeated(spaced('a'), spaced('b'), spaced('c'))).toBe(false)
    const marked = (text: string) => line(text).replace('assistant', '\\u0000text\\u0000')
    expect(isRepeated(marked('a'), marked('b'), marked('c'))).toBe(false)
  })

  it('gives up on a stream whose frames are learned in vain', () => {
    const learned = vi.spyOn(JSON, 'stringify')
    const frames = Array.from({ length: 200 }, (_, index) => ({
      data: line('word').replace('"m"', `"m${index}"`),
    }))
    outcomeOf({ speaker: ollama, frames, judgesCalls: false, isAlias: false })
    expect(learned.mock.calls.length).toBeLessThan(60)
  })
})
