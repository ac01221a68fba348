/** Models that say nothing for a while: who waits, how long, and what keeps the real clients and proxies waiting. */
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, recorded, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    more: 'timeouts: { serverSilence: 30s, keepAlive: 20ms }\n',
  })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const name = 'smollm2:135m'
const messages = [{ role: 'user' as const, content: 'Name three colours.' }]
const comment = ': waiting\n\n'
const ping = 'event: ping\ndata: {"type":"ping"}\n\n'

/** The server stops in the middle of an event until the client has heard `sign` three times since. */
function listening(recording: string, sign: string) {
  let heard = ''
  let isOver = false
  const pieces = recorded(recording).response.chunks.map(({ text }) => text)
  const half = Math.floor((pieces[1]?.length ?? 0) / 2)
  model.script = async (seen, response) => {
    if (seen.method !== 'POST') return likeOllama(seen, response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(pieces[0])
    response.write(pieces[1]?.slice(0, half))
    await until(() => heard.split(sign).length > 3)
    response.write(pieces[1]?.slice(half))
    response.end(pieces.slice(2).join(''))
  }
  const listen: typeof fetch = async (...request) => {
    const answer = await fetch(...request)
    const decoder = new TextDecoder()
    const tap = new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, controller) {
        heard += decoder.decode(bytes, { stream: true })
        controller.enqueue(bytes)
      },
      flush: () => {
        isOver = true
      },
    })
    return new Response(answer.body?.pipeThrough(tap), answer)
  }
  const sent = pieces.join('')
  return { listen, sent, heard: () => heard, isOver: () => isOver }
}

describe('a stream whose model is silent', () => {
  it('keeps the openai SDK listening on /v1/chat/completions, and tears no event', async () => {
    const ear = listening('v1-chat-stream', comment)
    const client = new OpenAI({ baseURL: `${gate.data}/v1`, apiKey: gate.key, fetch: ear.listen })
    const whole = await client.chat.completions.stream({ model: name, messages }).finalChatCompletion()
    expect(whole.choices[0]?.message.content).not.toBe('')
    await until(ear.isOver)
    expect(ear.heard().replaceAll(comment, '')).toBe(ear.sent)
  })

  it('keeps the openai SDK listening on /v1/completions', async () => {
    const ear = listening('v1-completions-stream', comment)
    const client = new OpenAI({ baseURL: `${gate.data}/v1`, apiKey: gate.key, fetch: ear.listen })
    let text = ''
    for await (const chunk of await client.completions.create({ model: name, prompt: 'hi', stream: true }))
      text += chunk.choices[0]?.text ?? ''
    expect(text).not.toBe('')
    expect(ear.heard()).toContain(comment)
  })

  it('keeps the openai SDK listening on /v1/responses', async () => {
    const ear = listening('v1-responses-stream', comment)
    const client = new OpenAI({ baseURL: `${gate.data}/v1`, apiKey: gate.key, fetch: ear.listen })
    const whole = await client.responses.stream({ model: name, input: 'hi' }).finalResponse()
    expect(whole.output_text).not.toBe('')
    expect(ear.heard()).toContain(comment)
  })

  it('keeps the Anthropic SDK listening, with pings', async () => {
    const ear = listening('v1-messages-stream', ping)
    const client = new Anthropic({ baseURL: gate.data, apiKey: gate.key, fetch: ear.listen })
    const whole = await client.messages.stream({ model: name, max_tokens: 48, messages }).finalMessage()
    expect(whole.content).toMatchObject([{ type: 'text' }])
    await until(ear.isOver)
    expect(ear.heard().replaceAll(ping, '')).toBe(ear.sent)
    expect(gate.requests().at(-1)).toMatchObject({ ending: { kind: 'answered', status: 200 } })
  })

  it('has no nginx before it gather its words', async () => {
    model.script = likeOllama
    const streamed = await gate.post('/api/chat', { model: name, messages })
    await streamed.text()
    expect(streamed.headers.get('x-accel-buffering')).toBe('no')
    const whole = await gate.post('/api/chat', { model: name, messages, stream: false })
    await whole.text()
    expect(whole.headers.get('x-accel-buffering')).toBeNull()
  })
})

describe('a model that takes long', () => {
  it('has until `timeouts.total` for an answer that is no stream', async () => {
    const waiting = holdPosts(model)
    const impatient = await startGate({ upstream: model.url, more: 'timeouts: { firstByte: 400ms }\n' })
    try {
      const whole = impatient.post('/v1/chat/completions', { model: name, messages })
      const ollamas = impatient.post('/api/chat', { model: name, messages, stream: false })
      await until(() => waiting.length === 2)
      // When the time of a stream that was asked for later is up, theirs would be, too.
      const streamed = await impatient.post('/api/chat', { model: name, messages })
      expect(streamed.status).toBe(504)
      for (const go of waiting) go()
      expect([(await whole).status, (await ollamas).status]).toEqual([200, 200])
    } finally {
      model.script = likeOllama
      await impatient.close()
    }
  })

  it('that times out is asked once, whatever the SDK does with errors', async () => {
    const waiting = holdPosts(model)
    const before = model.posts.length
    const short = await startGate({ upstream: model.url, more: 'timeouts: { total: 300ms }\n' })
    try {
      const openai = new OpenAI({ baseURL: `${short.data}/v1`, apiKey: short.key, maxRetries: 2 })
      const anthropic = new Anthropic({ baseURL: short.data, apiKey: short.key, maxRetries: 2 })
      await expect(openai.chat.completions.create({ model: name, messages })).rejects.toMatchObject({
        status: 504,
      })
      await expect(anthropic.messages.create({ model: name, max_tokens: 9, messages })).rejects.toMatchObject(
        { status: 504 },
      )
      expect(model.posts.length - before).toBe(2)
    } finally {
      for (const go of waiting) go()
      model.script = likeOllama
      await short.close()
    }
  })
})
