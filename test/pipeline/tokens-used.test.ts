/** Estimates of what nobody has counted. */
import { describe, expect, it } from 'vitest'
import { Cancellation, ClientLeft } from '../../src/pipeline/cancellation.ts'
import type { RequestContext } from '../../src/pipeline/context.ts'
import type { Ending, ModelResponse } from '../../src/pipeline/ending.ts'
import { Carried, Pace, tokensUsed } from '../../src/pipeline/finish/tokens-used.ts'

const nothing: ModelResponse = {
  status: 0,
  text: '',
  toolCalls: [],
  truncated: false,
  usage: undefined,
  firstByteMs: undefined,
}
const left: Ending = { kind: 'aborted', answer: undefined }

function contextOf(
  work: { answer?: Partial<ModelResponse>; carried?: number; ms?: number },
  stream = false,
): RequestContext {
  const cancellation = new Cancellation()
  cancellation.end(new ClientLeft())
  return {
    cancellation,
    endpoint: { group: 'chat' },
    role: { caps: { contextTokens: 4096 } },
    prompt: { stream, texts: [{ channel: 'user', text: 'x'.repeat(24) }], counts: { images: 0 } },
    outgoing: { outputTokens: 500 },
    target: { model: 'm' },
    work: {
      status: work.answer?.status ?? 0,
      answer: { ...nothing, ...work.answer },
      carried: work.carried ?? 0,
      ms: work.ms ?? 0,
    },
  } as unknown as RequestContext
}

describe('tokens of an answer that nobody has seen', () => {
  it('are those of the time, at a pace that is guessed, never more than was reserved', () => {
    const pace = new Pace()
    expect(tokensUsed(contextOf({ ms: 2000 }), left, pace)).toBe(10 + 40)
    expect(tokensUsed(contextOf({ ms: 2_000_000 }), left, pace)).toBe(10 + 500)
    expect(tokensUsed(contextOf({ ms: 2000 }, true), left, pace)).toBe(10)
  })

  it('are counted by the pace of the same model, once it has answered', () => {
    const pace = new Pace()
    const answer = { ...nothing, status: 200, usage: { input: 3, output: 100 } }
    expect(tokensUsed(contextOf({ answer, ms: 1000 }), { kind: 'answered', answer }, pace)).toBe(103)
    expect(tokensUsed(contextOf({ ms: 2000 }), left, pace)).toBe(10 + 200)
  })

  it('of a model server that counts only at the end are those that came', () => {
    const answer = { status: 200, usage: { input: 30, output: 1 }, text: 'x'.repeat(40) }
    expect(tokensUsed(contextOf({ answer, carried: 60 }, true), left, new Pace())).toBe(30 + 60)
  })
})

it('paces are known of so many models and no more', () => {
  const pace = new Pace()
  for (let index = 0; index < 300; index++) pace.note(`m${index}`, 100, 1000)
  expect(pace.tokensIn('m0', 1000)).toBe(20)
  expect(pace.tokensIn('m299', 1000)).toBe(100)
})

it('frames are a token each, or what they carry beside their envelope', () => {
  const of = (...lengths: number[]) => {
    const carried = new Carried()
    for (const length of lengths) carried.add(length)
    return carried.tokens
  }
  expect(of()).toBe(0)
  expect(of(120, 124, 122)).toBe(3)
  expect(of(120, 4120, 120)).toBe(1000)
})
