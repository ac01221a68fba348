/** An answer whose tool calls are judged while it streams: what the client gets, when, and what stops the model. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Refusal } from '../../src/core/refusal.ts'
import type { CallVerdict, JudgeCall } from '../../src/dialects/common/call-verdict.ts'
import { dialects } from '../../src/dialects/dialects.ts'
import type { RequestContext } from '../../src/pipeline/context.ts'
import type { Ending } from '../../src/pipeline/ending.ts'
import { relayAndSettle } from '../../src/pipeline/pipeline.ts'
import type { ResponseWriter } from '../../src/pipeline/ports.ts'
import { Relay } from '../../src/pipeline/response/relay.ts'
import type { RelayOutcome } from '../../src/pipeline/response/relay-types.ts'
import { judgeTexts } from '../../src/pipeline/response/tool-calls-in-text.ts'
import { guardWith } from '../rig/guarding.ts'
import { readerFor, type Said, speakers } from '../rig/speakers.ts'
import { until } from '../rig/wait.ts'

const said: Said = { content: 'I will.', thinking: '', args: '{"to":"bob"}', second: '' }
const cut = (text: string) => [text]

/** @param isAnswered whether the model server has begun its answer */
function start(name: string, judge: JudgeCall, isAnswered = true, words = said) {
  const speaker = speakers.find((each) => each.name === name)
  const dialect = dialects.find((each) => speaker?.path.startsWith(each.prefix)) ?? dialects.at(-1)
  if (!speaker || !dialect) throw new Error(name)
  let sent = ''
  let ended = false
  let paused = false
  let aborted = false
  let served = 0
  const startMs = Date.now()
  const waits: number[] = []
  const endings: Ending[] = []
  const outcomes: RelayOutcome[] = []
  let isTaking = true
  let recorded = Promise.resolve()
  const put = (data: string | Uint8Array) => {
    sent += String(data)
    return isTaking
  }
  const never = () => {
    throw new Error('not asked for here')
  }
  const writer: ResponseWriter = {
    body: never,
    form: never,
    upload: never,
    failedLogin: never,
    announcedBytes: undefined,
    parameter: '',
    begin: () => {},
    write: put,
    onDrain: () => {},
    end(data) {
      put(data)
      ended = true
    },
    break: () => {},
    refuse: () => {},
  }
  const relay = new Relay({
    reader: readerFor(speaker),
    filter: judgeTexts(guardWith().filter, judge),
    judge,
    guard: undefined,
    dialect,
    isStream: speaker.stream,
    keepAliveMs: 15_000,
    id: 'r1',
    writer,
    sinceArrivalMs: () => Date.now() - startMs,
    hold: () => {},
    holdsCalls: false,
    waited: (ms) => waits.push(ms),
    served: () => served++,
  })
  const steps = {
    chargeToolCalls: () => Promise.resolve(undefined),
    settle(_context: RequestContext, ending: Ending) {
      endings.push(ending)
      return recorded
    },
  }
  // Nothing of the request itself is asked for.
  const context = {} as unknown as RequestContext
  void relayAndSettle(relay, context, steps).then((outcome) => outcomes.push(outcome))
  relay.upstream = {
    pause() {
      paused = true
    },
    resume() {
      paused = false
    },
    abort() {
      aborted = true
    },
  }
  if (isAnswered) relay.head(200, () => speaker.contentType)
  const send = () => relay.data(Buffer.from(speaker.speak(words, cut)))
  const speak = () => {
    send()
    relay.end()
  }
  return {
    speaker,
    stopTaking() {
      isTaking = false
    },
    recordLater() {
      recorded = new Promise(() => {})
    },
    words: send,
    speak,
    relay,
    endings,
    outcomes,
    waits,
    heard: () => speaker.hear(sent.replaceAll(signOf(name), '')),
    sent: () => sent,
    ended: () => ended,
    paused: () => paused,
    served: () => served,
    aborted: () => aborted,
  }
}

/** The sign of life of its dialect. */
const signOf = (name: string) =>
  name === 'messages, streamed' ? 'event: ping\ndata: {"type":"ping"}\n\n' : ': waiting\n\n'
const turn = () => vi.advanceTimersByTimeAsync(0)
const waiting = () => {
  let decide: (verdict: CallVerdict) => void = () => {}
  const decided = new Promise<CallVerdict>((resolve) => {
    decide = resolve
  })
  const verdict: CallVerdict = { kind: 'wait', note: 'Approval A1 is needed.', decided }
  return { verdict, decide }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a call that a human must allow', () => {
  it.each(['openai chat, streamed', 'messages, streamed', 'responses, streamed'])(
    '%s: the stream is kept alive, then goes on where it was',
    async (name) => {
      const { verdict, decide } = waiting()
      const one = start(name, () => verdict)
      one.speak()
      await turn()
      expect(one.served()).toBe(1)
      expect(one.sent()).toContain(signOf(name))
      expect(one.sent()).not.toContain('bob')
      await vi.advanceTimersByTimeAsync(45_000)
      expect(one.sent().split(signOf(name)).length).toBeGreaterThan(3)
      decide({ kind: 'pass' })
      await turn()
      expect(one.ended()).toBe(true)
      expect(one.heard()).toEqual(said)
      expect(one.endings.map(({ kind }) => kind)).toEqual(['answered'])
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it.each(['openai chat, streamed', 'messages, streamed', 'responses, streamed'])(
    '%s: its time is no time to the first token',
    async (name) => {
      const { verdict, decide } = waiting()
      const one = start(name, () => verdict, true, { ...said, content: '' })
      one.speak()
      await vi.advanceTimersByTimeAsync(45_000)
      decide({ kind: 'pass' })
      await turn()
      const [ending] = one.endings
      const answer = ending && 'answer' in ending ? ending.answer : undefined
      expect(answer?.firstTokenMs).toBeLessThan(1000)
      expect(one.waits).toEqual([45_000])
    },
  )

  it('keeps the model server only while that has something to say, and never much of it', async () => {
    const { verdict, decide } = waiting()
    const one = start('openai chat, streamed', () => verdict)
    one.words()
    await turn()
    expect([one.served(), one.paused()]).toEqual([0, false])
    const more = Buffer.from(`: ${'x'.repeat(1020)}\n\n`.repeat(64))
    for (let index = 0; index < 4; index++) one.relay.data(more)
    await turn()
    expect(one.paused()).toBe(false)
    one.relay.data(more)
    await turn()
    expect(one.paused()).toBe(true)
    decide({ kind: 'pass' })
    await turn()
    expect(one.paused()).toBe(false)
    expect(one.heard()).toEqual(said)
  })

  it('reads what came in one turn together, and all of it before a failure ends the response', async () => {
    const { relay, sent, speaker } = start('openai chat, streamed', () => ({ kind: 'pass' }))
    const frames = speaker.speak({ ...said, args: '' }, cut).split(/(?<=\n\n)/)
    const [first = '', ...others] = frames.slice(0, 5)
    relay.data(Buffer.from(first))
    expect(sent()).toBe('')
    for (const frame of others) relay.data(Buffer.from(frame))
    relay.fail(new Refusal('upstream_failed'))
    await turn()
    expect(sent().startsWith([first, ...others].join(''))).toBe(true)
  })

  it('ends at once when its model server dies meanwhile', async () => {
    const { verdict } = waiting()
    const one = start('openai chat, streamed', () => verdict)
    one.words()
    await turn()
    one.relay.fail(new Refusal('upstream_failed'))
    await turn()
    expect(one.ended()).toBe(true)
    expect(one.endings).toMatchObject([{ kind: 'cut', refusal: { code: 'upstream_failed' } }])
  })

  it('on NDJSON, which cannot be kept alive, the answer ends at once and says why', async () => {
    const { verdict } = waiting()
    const one = start('ollama chat, streamed', () => verdict)
    one.speak()
    await turn()
    expect(one.ended()).toBe(true)
    expect(one.sent()).not.toMatch(/\n\n/)
    expect(one.heard()).toEqual({ ...said, args: '', content: 'I will.\nApproval A1 is needed.' })
  })

  it('denied, ends the answer in the way of its dialect and stops the model', async () => {
    const { verdict, decide } = waiting()
    const one = start('openai chat, streamed', () => verdict)
    one.speak()
    await turn()
    decide({ kind: 'refuse', refusal: new Refusal('approval_denied') })
    await turn()
    expect(one.aborted()).toBe(true)
    expect(one.sent()).toContain('The tool call was not approved.')
    expect(one.sent()).not.toMatch(/bob|\[DONE\]/)
    expect(one.endings).toMatchObject([{ kind: 'cut', refusal: { code: 'approval_denied' } }])
  })

  it('is not waited for by a client that left', async () => {
    const { verdict, decide } = waiting()
    const one = start('openai chat, streamed', () => verdict)
    one.speak()
    await turn()
    one.relay.interrupt(undefined)
    await turn()
    const before = one.sent()
    decide({ kind: 'pass' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(one.sent()).toBe(before)
    expect(one.endings.map(({ kind }) => kind)).toEqual(['aborted'])
    expect(one.outcomes).toHaveLength(1)
  })
})

describe('a silent stream', () => {
  const passing = (name: string, isAnswered = true) => start(name, () => ({ kind: 'pass' }), isAnswered)
  const quiet = (isAnswered = true) => passing('openai chat, streamed', isAnswered)

  it.each([
    'openai chat, streamed',
    'openai completions, streamed',
    'messages, streamed',
    'responses, streamed',
  ])('%s: gets a sign of life each 15 s, between its events, and none behind its end', async (name) => {
    const one = passing(name)
    const bytes = Buffer.from(one.speaker.speak({ ...said, args: '' }, cut))
    const half = Math.floor(bytes.length / 2)
    one.relay.data(bytes.subarray(0, half))
    await turn()
    const before = one.sent()
    await vi.advanceTimersByTimeAsync(14_999)
    expect(one.sent()).toBe(before)
    await vi.advanceTimersByTimeAsync(1)
    expect(one.sent()).toBe(before + signOf(name))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(one.sent()).toBe(before + signOf(name).repeat(3))
    one.relay.data(bytes.subarray(half))
    await turn()
    expect(one.sent().replaceAll(signOf(name), '')).toBe(bytes.toString())
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is begun before its model has said anything, and tells what went wrong then', async () => {
    const one = quiet(false)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(one.sent()).toBe(': waiting\n\n')
    one.relay.head(500, () => undefined)
    one.relay.data(Buffer.from('{"error":"oops"}'))
    one.relay.end()
    await turn()
    expect(one.sent()).toMatch(/^: waiting\n\ndata: \{"error":.*upstream_failed.*\n\n$/)
    expect(one.endings).toMatchObject([
      { kind: 'cut', refusal: { code: 'upstream_failed' }, answer: { status: 200, firstByteMs: undefined } },
    ])
    expect(one.outcomes).toMatchObject([{ isTold: true, status: 500 }])
  })

  it('counts its first token when that comes, not before', async () => {
    const one = quiet()
    await vi.advanceTimersByTimeAsync(15_000)
    one.relay.interrupt(undefined)
    await turn()
    expect(one.endings).toMatchObject([{ kind: 'aborted', answer: { firstByteMs: undefined } }])
  })

  it('of Ollama has no room for signs of life and gets none', async () => {
    const one = passing('ollama chat, streamed')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(one.sent()).toBe('')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gets nothing while its client takes nothing', async () => {
    const one = quiet()
    one.stopTaking()
    one.words()
    await turn()
    const before = one.sent()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(one.sent()).toBe(before)
  })

  it('gets nothing behind the end that waits for its record', async () => {
    const one = quiet()
    one.recordLater()
    one.speak()
    await turn()
    const before = one.sent()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(one.sent()).toBe(before)
    expect(before).not.toContain('[DONE]')
  })
})

describe('a model server that answers with an error', () => {
  it('and goes on for ever has its seat taken', async () => {
    const one = start('openai chat, streamed', () => ({ kind: 'pass' }), false)
    one.relay.head(500, () => undefined)
    one.relay.data(Buffer.from('x'.repeat(3000)))
    expect(one.aborted()).toBe(false)
    one.relay.data(Buffer.from('x'.repeat(3000)))
    expect(one.aborted()).toBe(true)
    await turn()
    expect(one.outcomes).toMatchObject([{ refusal: { code: 'upstream_failed' }, isTold: false }])
  })

  it('word by word has five seconds for it', async () => {
    const one = start('openai chat, streamed', () => ({ kind: 'pass' }), false)
    one.relay.head(500, () => undefined)
    for (let second = 0; second < 5; second++) {
      one.relay.data(Buffer.from('x'))
      expect(one.aborted()).toBe(false)
      await vi.advanceTimersByTimeAsync(1000)
    }
    expect(one.aborted()).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a long answer', () => {
  it.each(speakers.filter(({ stream }) => !stream).map(({ name }) => name))(
    '%s: is read ahead, while others have their turn, and comes whole',
    async (name) => {
      const speaker = speakers.find((each) => each.name === name)
      const long = 'The capital of France is Paris. '.repeat(6000)
      const content = `${long}sk-proj-Kq7Zx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty ${long}`
      const { relay, ended, heard } = start(name, () => ({ kind: 'pass' }))
      vi.useRealTimers()
      relay.data(Buffer.from(speaker?.speak({ ...said, content }, cut) ?? ''))
      relay.end()
      expect(ended()).toBe(false)
      await until(() => ended())
      expect(heard().content).toBe(`${long}[redacted:api-key] ${long}`)
    },
  )
})

describe('a call that is judged at once', () => {
  it.each(speakers.filter(({ channels }) => channels.includes('args')).map(({ name }) => name))(
    '%s: what is behind it waits for the verdict, and comes',
    async (name) => {
      const one = start(name, () => Promise.resolve({ kind: 'pass' }))
      one.speak()
      await turn()
      expect(one.ended()).toBe(true)
      expect(one.heard()).toEqual(said)
    },
  )
})
