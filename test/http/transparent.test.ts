/**
 * Recorded exchanges with a real Ollama, replayed through the gate: what the client sees and what the server
 * gets is what was recorded, but for what the gate changes on purpose.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import {
  allRecorded,
  type ModelServer,
  play,
  type Recorded,
  recorded,
  recordedText,
  startModelServer,
} from '../rig/model-server.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({ upstream: model.url })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const answered = allRecorded.filter(
  ({ name, request, response }) =>
    response.status === 200 && request.method === 'POST' && !name.startsWith('death'),
)
const send = ({ request }: Recorded) => gate.post(request.path, request.body ?? '')
const frames = (text: string): unknown[] =>
  text
    .split('\n')
    .map((line) => line.replace(/^data: |^event: .*/, '').trim())
    .filter(Boolean)
    .map((line) => (line === '[DONE]' || line.startsWith('event: ') ? line : (JSON.parse(line) as unknown)))
/** The token context is the one thing of an answer that never comes back. */
const withoutContext = (frame: unknown) => {
  if (typeof frame !== 'object' || frame === null) return frame
  const { context: _, ...rest } = frame as { context?: unknown }
  return rest
}

describe('what is answered', () => {
  it.each(answered)('$name', async (exchange) => {
    model.script = (_seen, response) => play(exchange.name, response)
    const response = await send(exchange)
    expect(response.status).toBe(200)
    expect(frames(await response.text())).toEqual(frames(recordedText(exchange.name)).map(withoutContext))
    const sent = JSON.parse(exchange.request.body ?? '{}') as Record<string, unknown>
    const got = model.posts.at(-1)?.json ?? {}
    for (const key of ['messages', 'prompt', 'input', 'tools', 'format', 'seed', 'temperature'])
      expect(got[key]).toEqual(sent[key])
    expect(got.model).toBe(sent.model)
  })
})

describe('a model that dies in mid-answer', () => {
  const streamed = [
    'death-chat',
    'death-v1-chat',
    'death-v1-chat-usage',
    'death-v1-completions',
    'death-v1-messages',
    'death-v1-responses',
  ]
  it.each(streamed)('%s: the client is told, and no end mark follows', async (name) => {
    model.script = (_seen, response) => play(name, response)
    const response = await send(recorded(name))
    const text = await response.text()
    expect(response.status).toBe(200)
    expect(JSON.stringify(frames(text).at(-1))).toContain('The model server failed.')
    expect(text).not.toMatch(/\[DONE\]|"done":true|message_stop|response\.completed|EOF/)
    expect(gate.requests().at(-1)?.ending).toEqual({ kind: 'cut', code: 'upstream_failed', status: 200 })
  })

  it.each(['death-chat-whole', 'death-v1-chat-whole'])(
    '%s: 502 in the shape of the dialect',
    async (name) => {
      model.script = (_seen, response) => play(name, response)
      const response = await send(recorded(name))
      expect(response.status).toBe(502)
      expect(response.headers.get('x-torwart-code')).toBe('upstream_failed')
      expect(await response.text()).not.toContain('EOF')
    },
  )
})

describe('what the model server refuses', () => {
  it.each([
    ['busy-chat', 503, 'upstream_unavailable'],
    ['busy-v1-chat', 503, 'upstream_unavailable'],
    ['chat-unknown-model', 404, 'model_not_allowed'],
    ['v1-chat-unknown-model', 404, 'model_not_allowed'],
    ['v1-messages-unknown-model', 404, 'model_not_allowed'],
    ['v1-responses-unknown-model', 404, 'model_not_allowed'],
    ['chat-think-unsupported', 400, 'invalid_request'],
    ['embed-on-chat-model', 400, 'invalid_request'],
  ])('%s becomes %i %s', async (name, status, code) => {
    model.script = (_seen, response) => play(name, response)
    const { request } = recorded(name)
    const body = JSON.parse(request.body ?? '{}') as Record<string, unknown>
    const response = await gate.post(request.path, { ...body, model: 'smollm2:135m' })
    expect(response.status).toBe(status)
    expect(response.headers.get('x-torwart-code')).toBe(code)
    if (status === 503) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await response.text()).not.toMatch(/nope|pending requests|--embeddings/)
  })

  it.each([
    '404 page not found',
    '{"error":{"code":404,"message":"Not Found","type":""}}',
    '{"detail":"Not Found"}',
    '',
  ])('a route that it does not have is not taken for a missing model: %s', async (text) => {
    model.script = (_seen, response) => {
      response.writeHead(404).end(text)
    }
    const response = await gate.post('/v1/responses', { model: 'smollm2:135m', input: 'hi' })
    expect([response.status, response.headers.get('x-torwart-code')]).toEqual([404, 'not_found'])
    expect(await response.text()).toContain('The model server does not have this route.')
  })

  it('in words a caller can act on is said in our own', async () => {
    model.script = (_seen, response) => play('chat-think-unsupported', response)
    const response = await gate.post('/api/chat', {
      model: 'smollm2:135m',
      messages: [],
      think: true,
      stream: false,
    })
    expect(await response.json()).toEqual({ error: 'This model does not support thinking.' })
  })

  it("that finds fault with a parameter is the client's mistake, whatever its status", async () => {
    model.script = (_seen, response) => {
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end('{"error":"option \\"num_predict\\" must be of type integer"}')
    }
    const response = await gate.post('/api/chat', { model: 'smollm2:135m', messages: [], stream: false })
    expect([response.status, response.headers.get('x-torwart-code')]).toEqual([400, 'invalid_request'])
    expect(await response.text()).toContain('option `num_predict` must be of type integer')
  })
})
