/** A LocalAI behind the gate: its own routes, its strange ways with names, and what must not reach it. */
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { likeLocalai, playLocalai, recordedLocalai } from '../rig/localai.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { rawRequest, sendRaw } from '../rig/raw.ts'

let model: ModelServer
let gate: RunningGate
const stranger = mintKey()
const routes = 'chat, completions, embeddings, models, rerank, tokenize, moderations, audio, images'
const role = `    routes: [${routes}]
    models: ["mock-*"]
    caps: { images: 1, choices: 2, outputTokens: 64 }
    limits: { requestsPerMinute: 100000 }
`
beforeAll(async () => {
  model = await startModelServer(likeLocalai)
  gate = await startGate({
    upstream: model.url,
    kind: 'localai',
    role,
    upstreamMore: 'key: local-key',
    keys: [entryOf(stranger.key, stranger.id)],
  })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})
afterEach(() => {
  model.script = likeLocalai
})

const hi = [{ role: 'user', content: 'hi' }]
const chat = (more: object = {}) =>
  gate.post('/v1/chat/completions', { model: 'mock-chat', messages: hi, ...more })
/** What reached the server of one request that must not get there. */
async function reachedBy(run: () => Promise<Response>): Promise<[status: number, reached: number]> {
  const before = model.posts.length
  const response = await run()
  await response.arrayBuffer()
  return [response.status, model.posts.length - before]
}

describe('what a LocalAI answers', () => {
  it.each([
    'chat',
    'chat-stream',
    'completions',
    'completions-stream',
    'embeddings',
    'messages',
    'messages-stream',
    'responses',
    'api-chat',
    'api-chat-whole',
    'rerank',
    'tokenize',
    'moderations',
  ])('%s arrives as it was recorded', async (name) => {
    model.script = (seen, response) =>
      (seen.method === 'GET' ? likeLocalai : playLocalai(name))(seen, response)
    const { request, response: recorded } = recordedLocalai(name)
    const response = await gate.post(request.path, request.body ?? '')
    const text = recorded.chunks.map((chunk) => chunk.text).join('')
    expect(response.status).toBe(200)
    expect((await response.text()).trim()).toBe(text.trim())
    expect(model.posts.at(-1)?.json.model).toBe((JSON.parse(request.body ?? '') as { model: string }).model)
  })

  it.each(['/v1/audio/speech', '/tts'])('%s is sound, and its file name stays behind', async (path) => {
    const response = await gate.post(path, { model: 'mock-tts', input: 'Good morning.', backend: 'evil' })
    expect(response.headers.get('content-type')).toBe('audio/wav')
    expect(response.headers.get('content-disposition')).toBeNull()
    expect(await response.text()).toMatch(/^RIFF/)
    expect(response.headers.get('x-torwart-guards')).toBe('prompt=allow, output=unread')
    expect(model.posts.at(-1)?.json).toEqual({ model: 'mock-tts', input: 'Good morning.' })
    expect(gate.requests().at(-1)).toMatchObject({
      prompt: [{ channel: 'user', text: 'Good morning.' }],
      ending: { kind: 'answered' },
    })
  })

  it('pictures come in base64, never as a link to the server', async () => {
    const response = await gate.post('/v1/images/generations', {
      model: 'mock-image',
      prompt: 'a cat',
      n: 9,
      response_format: 'url',
    })
    const text = await response.text()
    expect(text).toContain('b64_json')
    expect(text).not.toContain('generated-images')
    expect(response.headers.get('x-torwart-clamped')).toBe('n')
    model.script = (seen, answer) =>
      (seen.method === 'GET' ? likeLocalai : playLocalai('images'))(seen, answer)
    const linked = await gate.post('/v1/images/generations', { model: 'mock-image', prompt: 'a cat' })
    expect(await linked.text()).not.toContain('127.0.0.1')
  })

  it('lists hold the models of the role, on both surfaces', async () => {
    const openai = (await (await gate.get('/v1/models')).json()) as { data: { id: string }[] }
    const ollama = (await (await gate.get('/api/tags')).json()) as { models: { name: string }[] }
    expect(openai.data.length).toBeGreaterThan(5)
    expect(openai.data.every(({ id }) => id.startsWith('mock-'))).toBe(true)
    expect(ollama.models.length).toBeGreaterThan(5)
    expect(ollama.models.every(({ name }) => name.startsWith('mock-'))).toBe(true)
    expect(await (await gate.get('/api/ps')).json()).toEqual({ models: [] })
  })
})

describe('a stream that failed', () => {
  it.each([
    ['chat-stream-error-midway', '/v1/chat/completions', { messages: hi }],
    ['messages-error-midway', '/v1/messages', { messages: hi, max_tokens: 9 }],
    ['responses-error-midway', '/v1/responses', { input: 'hi' }],
    ['api-chat-error-midway', '/api/chat', { messages: hi }],
  ])('%s: the client is told, in our words, and no end mark follows', async (name, path, body) => {
    model.script = (seen, response) =>
      (seen.method === 'GET' ? likeLocalai : playLocalai(name))(seen, response)
    const response = await gate.post(path, { model: 'mock-chat', stream: true, ...body })
    const text = await response.text()
    expect(text.slice(-600)).toContain('The model server failed.')
    expect(text).not.toMatch(/\[DONE\]|"done":true|message_stop|response\.completed|rpc error/)
    expect(gate.requests().at(-1)?.ending).toMatchObject({ kind: 'cut', code: 'upstream_failed' })
  })
})

describe('a model’s name', () => {
  it.each([
    'mock',
    '.*',
    'mock-.*',
    'mock-(chat|two)',
    'ock',
    '[',
    'foo/bar',
    'mock-chat/x',
    '../outside/secret',
    '..%2foutside',
    'mock-chat.yaml',
    'mock-off.bin',
    'MOCK-CHAT',
    ' mock-chat ',
    'mock-chat\u0000',
    'mock-ch\u00e4t',
    'realtime-pipeline',
    '',
  ])('%j is nobody’s, and never reaches the server', async (name) => {
    const [status, reached] = await reachedBy(() => chat({ model: name }))
    expect([status, reached]).toEqual([name === '' ? 400 : 404, 0])
  })

  it.each(['mock-chat', 'mock-chat:latest'])('%j is one of its list', async (name) => {
    const response = await chat({ model: name })
    expect(response.status).toBe(200)
    expect(model.posts.at(-1)?.json.model).toBe('mock-chat')
    expect(await response.json()).toMatchObject({ model: name })
  })

  it.each(['{}', 'null', '', '{"messages":[{"role":"user","content":"hi"}]}'])(
    'that is left out is refused, not chosen at random: %j',
    async (body) => {
      expect(await reachedBy(() => gate.post('/v1/chat/completions', body))).toEqual([400, 0])
    },
  )
})

describe('what would reach its insides', () => {
  const inside = {
    backend: 'no-such',
    grammar: 'root ::= "x"',
    grammar_json_functions: {},
    ignore_eos: true,
    n_keep: 5,
    batch: 1,
    metadata: { localai_assistant: 'true', mcp_servers: 'x' },
    chat_template_kwargs: { a: 1 },
    rope_freq_base: 1,
  }

  it('is left out and named', async () => {
    expect((await chat(inside)).status).toBe(200)
    expect(Object.keys(model.posts.at(-1)?.json ?? {}).toSorted()).toEqual([
      'max_tokens',
      'messages',
      'model',
    ])
    // Of a field that servers of another kind have, its unknown members are named before it is.
    expect(new Set(gate.requests().at(-1)?.dropped as string[])).toEqual(
      new Set([...Object.keys(inside), 'chat_template_kwargs.a']),
    )
  })

  it('choices are as many as the role may have', async () => {
    const response = await chat({ n: 128 })
    expect(response.headers.get('x-torwart-clamped')).toContain('n')
    expect(model.posts.at(-1)?.json.n).toBe(2)
    expect(await reachedBy(() => chat({ n: -1 }))).toEqual([400, 0])
    expect(await reachedBy(() => chat({ n: 500 }))).toEqual([400, 0])
  })

  it.each(['application/xml', 'text/xml', 'text/plain', 'application/x-www-form-urlencoded', 'text/json'])(
    'a body of type %s is none',
    async (type) => {
      const xml = '<r><Model>mock-two</Model><Grammar>x</Grammar></r>'
      expect(await reachedBy(() => gate.post('/v1/chat/completions', xml, { 'content-type': type }))).toEqual(
        [415, 0],
      )
    },
  )

  it('media are not fetched for anybody', async () => {
    for (const url of ['http://127.0.0.1:8080/x.png', 'https://example.org/x.png', 'file:///etc/passwd']) {
      const content = [{ type: 'image_url', image_url: { url } }]
      expect(await reachedBy(() => chat({ messages: [{ role: 'user', content }] }))).toEqual([400, 0])
    }
  })

  it('headers of the caller stay with the gate, and its own key goes along', async () => {
    const sent = {
      'x-forwarded-prefix': '/v1',
      'x-forwarded-host': 'evil.example',
      'sec-fetch-site': 'cross-site',
      'extra-usage': 'true',
      'x-correlation-id': 'mine',
      cookie: 'token=x',
      origin: 'http://evil.example',
    }
    expect((await gate.post('/v1/chat/completions', { model: 'mock-chat', messages: hi }, sent)).status).toBe(
      200,
    )
    const got = model.posts.at(-1)?.headers ?? {}
    for (const name of Object.keys(sent)) expect(got).not.toHaveProperty(name)
    expect(got.authorization).toBe('Bearer local-key')
  })

  it.each([
    '/models/apply',
    '/backends/apply',
    '/backend/load',
    '/api/settings',
    '/api/agents',
    '/api/cors-proxy',
    '/api/traces',
    '/api/p2p/token',
    '/mcp/v1/chat/completions',
    '/v1/mcp/chat/completions',
    '/stores/set',
    '/v1/depth',
    '/v1/detokenize',
    '/v1/edits',
    '/v1/engines/mock-two/completions',
    '/system',
    '/video',
    '/vad',
  ])('%s does not exist', async (path) => {
    expect(await reachedBy(() => gate.post(path, { model: 'mock-chat' }))).toEqual([404, 0])
    const before = model.seen.length
    expect((await gate.get(path)).status).toBe(404)
    expect(model.seen.length).toBe(before)
  })

  it.each(['/v1/responses', '/audio/transformations/stream'])(
    'a WebSocket at %s is refused, and told why',
    async (target) => {
      const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
      const answer = await sendRaw(
        gate.data,
        rawRequest(`GET ${target} HTTP/1.1`, [`Authorization: Bearer ${gate.key}`, ...upgrade]),
      )
      expect(answer.status).toBe(404)
      expect(answer.text).toContain('There is no WebSocket at this path.')
    },
  )

  it('is never told that the gate has nothing more to say, which it would take for leaving', async () => {
    let ended = false
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: '
    const list = '{"object":"list","data":[{"id":"mock-chat"}]}'
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('end', () => {
        ended = true
      })
      socket.on('data', (piece) => {
        const body = piece.toString().startsWith('GET') ? list : '{"model":"mock-chat","choices":[]}'
        // The end of the gate's side would be here before these turns of the loop are over.
        let turns = 20
        const think = () =>
          turns-- > 0 ? setImmediate(think) : socket.write(`${head}${body.length}\r\n\r\n${body}`)
        think()
      })
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const other = await startGate({ upstream: `http://127.0.0.1:${port}`, kind: 'localai', role })
    const response = await other.post('/v1/chat/completions', { model: 'mock-chat', messages: hi })
    expect([response.status, ended]).toEqual([200, false])
    await other.close()
    server.close()
  })
})

describe('answers that it keeps', () => {
  const respond = (more: object, key = gate.key) =>
    gate.post(
      '/v1/responses',
      { model: 'mock-chat', input: 'hi', ...more },
      { authorization: `Bearer ${key}` },
    )

  it('go on and come back for whom they were given to, and for nobody else', async () => {
    const { id } = (await (await respond({})).json()) as { id: string }
    expect((await respond({ previous_response_id: id })).status).toBe(200)
    expect(model.posts.at(-1)?.json.previous_response_id).toBe(id)
    model.script = (seen, response) =>
      (seen.url.startsWith('/v1/responses/') ? playLocalai('responses') : likeLocalai)(seen, response)
    expect(await (await gate.get(`/v1/responses/${id}`)).json()).toMatchObject({ id })
    expect((await gate.get('/v1/responses/resp_of-somebody-else')).status).toBe(404)
    expect(await reachedBy(() => respond({ previous_response_id: 'resp_of-somebody-else' }))).toEqual([
      400, 0,
    ])
  })

  it('are found by a renewed token, and by no other token of the same key', async () => {
    const mint = async (rights: object) => {
      const made = await gate.post('/torwart/v1/tokens', { ttl: '5m', ...rights })
      return ((await made.json()) as { token: string }).token
    }
    const rights = { routes: ['chat'], models: ['mock-chat'] }
    const { id } = (await (await respond({}, await mint(rights))).json()) as { id: string }
    const goesOn = async (token: string) => (await respond({ previous_response_id: id }, token)).status
    expect(await goesOn(await mint(rights))).toBe(200)
    expect(await goesOn(await mint({ ...rights, tools: ['search_*'] }))).toBe(400)
    const read = await gate.get(`/v1/responses/${id}`, {
      authorization: `Bearer ${await mint({ routes: ['chat'], models: ['mock-two'] })}`,
    })
    expect(read.status).toBe(404)
  })

  it('come back without the secret that was cut out of them', async () => {
    const { id } = (await (await respond({})).json()) as { id: string }
    const secret = 'sk-proj-Kq7Zx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty'
    model.script = (seen, response) => {
      if (!seen.url.startsWith('/v1/responses/')) return likeLocalai(seen, response)
      response.setHeader('content-type', 'application/json')
      const content = [{ type: 'output_text', text: `It is ${secret}.` }]
      response.end(JSON.stringify({ id, status: 'completed', output: [{ type: 'message', content }] }))
      return undefined
    }
    const answer = await gate.get(`/v1/responses/${id}`)
    expect(await answer.text()).toContain('It is [redacted:api-key].')
    expect(answer.headers.get('x-torwart-guards')).toBe('output=redact')
    expect(gate.requests().at(-1)).toMatchObject({ findings: [{ id: 'secrets.api-key' }] })
  })

  it('come back without calls that the caller may not have', async () => {
    const made = await gate.post('/torwart/v1/tokens', {
      ttl: '5m',
      routes: ['chat'],
      models: ['mock-chat'],
      tools: ['search_*'],
    })
    const { token } = (await made.json()) as { token: string }
    const { id } = (await (await respond({}, token)).json()) as { id: string }
    const call = (name: string) => ({ type: 'function_call', id: `f_${name}`, name, arguments: '{}' })
    model.script = (seen, response) => {
      if (!seen.url.startsWith('/v1/responses/')) return likeLocalai(seen, response)
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({ id, status: 'completed', output: [call('search_web'), call('delete_all')] }),
      )
      return undefined
    }
    const answer = await gate.get(`/v1/responses/${id}`, { authorization: `Bearer ${token}` })
    const { output } = (await answer.json()) as { output: unknown[] }
    expect(output).toMatchObject([{ name: 'search_web' }, { type: 'message' }])
    expect(JSON.stringify(output)).not.toContain('"delete_all"')
  })

  it('come back only in a form that is known', async () => {
    const { id } = (await (await respond({})).json()) as { id: string }
    for (const more of [{ Output: [] }, { output: { a: 1 } }, { output: [{ type: 'x', arguments: {} }] }]) {
      model.script = (seen, response) => {
        if (!seen.url.startsWith('/v1/responses/')) return likeLocalai(seen, response)
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ id, status: 'completed', output: [], ...more }))
        return undefined
      }
      expect((await gate.get(`/v1/responses/${id}`)).status).toBe(502)
    }
  })

  it('are not made in the background, where they would be lost', async () => {
    expect(await reachedBy(() => respond({ background: true }))).toEqual([400, 0])
    expect((await respond({ background: false })).status).toBe(200)
  })
})
