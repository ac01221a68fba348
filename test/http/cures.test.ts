/** What a key of the policy would cure says which: a caller can name it to whoever runs the gate. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    role: `    routes: [chat, completions, embeddings, models]
    models: ["smollm2:*", all-minilm]
    limits: { requestsPerMinute: 1000, tokensPerMinute: 3000 }
    caps: { body: 64KiB, images: 1, imageBytes: 16B, stops: 2, tools: 1, schema: 64B, outputTokens: 1000 }`,
  })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const chat = (more: object, content: unknown = 'hi') => ({
  model: 'smollm2:135m',
  messages: [{ role: 'user', content }],
  ...more,
})
const image = (bytes: number) => ({
  type: 'image_url',
  image_url: { url: `data:image/png;base64,${Buffer.alloc(bytes, 1).toString('base64')}` },
})
const tool = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object' } } })
const schema = { type: 'object', description: 'x'.repeat(99) }
const generate = (more: object) => ({ model: 'smollm2:135m', prompt: 'hi', ...more })

describe('a refusal that policy would cure names the key', () => {
  it.each<[string, string, object, number]>([
    ['caps.images', '/v1/chat/completions', chat({}, [image(3), image(3)]), 400],
    ['caps.imageBytes', '/v1/chat/completions', chat({}, [image(99)]), 400],
    ['caps.stops', '/v1/chat/completions', chat({ stop: ['a', 'b', 'c'] }), 400],
    ['caps.tools', '/v1/chat/completions', chat({ tools: [tool('a'), tool('b')] }), 400],
    [
      'caps.schema',
      '/v1/chat/completions',
      chat({ response_format: { type: 'json_schema', json_schema: { schema } } }),
      400,
    ],
    ['caps.body', '/v1/chat/completions', chat({}, 'x'.repeat(70_000)), 413],
    ['tokensPerMinute', '/v1/chat/completions', chat({}, 'x'.repeat(30_000)), 400],
    ['allow: [raw]', '/api/generate', generate({ raw: true }), 400],
    ['allow: [template]', '/api/generate', generate({ template: '{{ .Prompt }}' }), 400],
    ['allow: [context]', '/api/generate', generate({ context: [1, 2] }), 400],
    [
      'allow: [mediaUrls]',
      '/v1/chat/completions',
      chat({}, [{ type: 'image_url', image_url: { url: 'https://x.example/a.png' } }]),
      400,
    ],
    ['caps.keepAlive.min', '/api/generate', { model: 'smollm2:135m', prompt: '', keep_alive: 0 }, 400],
  ])('%s', async (key, path, body, status) => {
    const response = await gate.post(path, body)
    expect(response.status).toBe(status)
    expect(await response.text()).toContain(key)
  })
})

describe('embeddings of token numbers', () => {
  it.each([[[1, 2, 3]], [[[1, 2], [3]]]])('are refused with what to set in the client: %j', async (input) => {
    for (const path of ['/v1/embeddings', '/api/embed']) {
      const response = await gate.post(path, { model: 'all-minilm', input })
      expect(response.status).toBe(400)
      expect(await response.text()).toContain('check_embedding_ctx_length=False')
    }
    expect((await gate.post('/v1/embeddings', { model: 'all-minilm', input: ['a', 'b'] })).status).toBe(200)
  })
})

describe('curl -d without a content type', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const ask = (headers: Record<string, string>, body: string | object = chat({})) =>
    gate.post('/v1/chat/completions', body, { ...form, ...headers })

  it('is JSON if it is JSON', async () => {
    const { status, headers } = await ask({})
    expect([status, headers.get('x-torwart-code')]).toEqual([200, null])
    expect((await ask({}, ' \n{"model":"smollm2:135m","model":"x"}')).status).toBe(400)
  })

  it('is refused as what a page of another site sends', async () => {
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ] as const)
      expect((await ask(headers)).status).toBe(415)
    expect((await ask({}, 'model=x&prompt=y')).status).toBe(415)
    expect((await ask({ 'content-type': 'text/plain' })).status).toBe(415)
  })
})
