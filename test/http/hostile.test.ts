/**
 * Requests by raw socket, in ways two parsers could read differently. Each hostile one is refused with 4xx and
 * never reaches the model server; its harmless twin beside it is answered.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { rawRequest, sendRaw } from '../rig/raw.ts'

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

const body = JSON.stringify({
  model: 'smollm2:135m',
  stream: false,
  messages: [{ role: 'user', content: 'hi' }],
})
const auth = () => `Authorization: Bearer ${gate.key}`
const json = 'Content-Type: application/json'
const post = (target: string, headers: string[] = [], text = body) =>
  sendRaw(gate.data, rawRequest(`POST ${target} HTTP/1.1`, [auth(), json, ...headers], text))
const get = (target: string, headers: string[] = []) =>
  sendRaw(gate.data, rawRequest(`GET ${target} HTTP/1.1`, [auth(), ...headers]))

async function refused(answer: Promise<{ status: number; text: string }>): Promise<void> {
  const before = model.seen.length
  const { status, text } = await answer
  expect(status, text).toBeGreaterThanOrEqual(400)
  expect(status, text).toBeLessThan(500)
  expect(model.seen.length).toBe(before)
}

describe('targets', () => {
  it.each([
    '/api%2Fchat',
    '/%61pi/chat',
    '/api/cha%74',
    '/api/chat%00',
    '/api/chat%20',
    '//api/chat',
    '/api//chat',
    '/./api/chat',
    '/api/./chat',
    '/x/../api/chat',
    '/api/chat/',
    '/api/chat/.',
    '/api/chat/..',
    '/api/chat;x=1',
    '/api\\chat',
    '/API/chat',
    '/api/Chat',
    '/v1/api/chat',
    'http://127.0.0.1:11434/api/chat',
    'https://ollama.com/api/chat',
    '*',
    'api/chat',
    '/api/chat#x',
    '/api/chat%3Fx',
    `/${'a'.repeat(3000)}`,
    '/%zz',
  ])('%s does not exist', (target) => refused(post(target)))

  it.each(['/api/chat', '/api/chat?beta=true', '/api/chat?model=evil&x=/../', '/api/chat?'])(
    '%s does, and the query goes nowhere',
    async (target) => {
      expect((await post(target)).status).toBe(200)
      expect(model.posts.at(-1)?.url).toBe('/api/chat')
    },
  )

  it('takes a model with a bare colon in its path, and no other tricks with it', async () => {
    expect((await get('/v1/models/smollm2:135m')).status).toBe(200)
    await refused(get('/v1/models/secret:latest').then((answer) => answer))
    for (const target of [
      '/v1/models/smollm2%3A135m',
      '/v1/models/../chat',
      '/v1/models/',
      '/v1/models/a/b/c',
    ])
      expect((await get(target)).status, target).toBeGreaterThanOrEqual(400)
  })
})

describe('headers', () => {
  const dangerous = [
    'X-Forwarded-Prefix: /v1',
    'X-Forwarded-Host: evil.example',
    'X_Forwarded_Prefix: /v1',
    'Forwarded: host=evil.example',
    'X-Original-URL: /api/delete',
    'X-Rewrite-URL: /api/delete',
    'X-HTTP-Method-Override: DELETE',
    'Cookie: token=abc',
    'Origin: http://evil.example',
    'Sec-Fetch-Site: cross-site',
    'Proxy-Authorization: Basic x',
    'Connection: keep-alive, content-type',
    'TE: trailers',
    'Extra-Usage: true',
  ]
  it.each(dangerous)('%s goes no further', async (header) => {
    expect((await post('/api/chat', [header])).status).toBe(200)
    const sent = model.posts.at(-1)?.headers ?? {}
    expect(Object.keys(sent).toSorted()).toEqual([
      'accept',
      'connection',
      'content-length',
      'content-type',
      'host',
      'traceparent',
      'user-agent',
    ])
    expect(sent['content-type']).toBe('application/json')
    expect(sent.host).toBe(new URL(model.url).host)
  })

  it('of the client never carry its key to the model server', async () => {
    await post('/api/chat', [`X-Api-Key: ${gate.key}`])
    expect(JSON.stringify(model.posts.at(-1)?.headers)).not.toContain('tw_')
  })

  it('carry a trace on, as a span of our own, if it is one', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const sent = async (header: string) => {
      await post('/api/chat', [`traceparent: ${header}`])
      const record = gate.requests().at(-1) as { traceparent: string; span: string }
      return { onward: model.posts.at(-1)?.headers.traceparent, ...record }
    }
    for (const inbound of [
      `00-${trace}-b7ad6b7169203331-01`,
      `cc-${trace}-b7ad6b7169203331-01-what-the-future-brings`,
    ]) {
      const { onward, traceparent, span } = await sent(inbound)
      expect(onward).toBe(`00-${trace}-${span}-01`)
      expect(traceparent).toBe(`00-${trace}-b7ad6b7169203331-01`)
    }
    for (const inbound of [
      '00-zz-1',
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `00-${trace}-b7ad6b7169203331-01-more`,
      `ff-${trace}-b7ad6b7169203331-01`,
    ]) {
      const { onward, traceparent, span } = await sent(inbound)
      expect(onward).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
      expect(onward).not.toContain(trace)
      expect([traceparent, traceparent.slice(36, 52)]).toEqual([onward, span])
    }
  })

  it.each([
    ['an id of the right form', 'abc.DEF-1_2', 'abc.DEF-1_2'],
    ['one that is too long', 'x'.repeat(65), undefined],
    ['one with other characters', 'a b', undefined],
  ])('keep %s', async (_what, id, kept) => {
    const { text } = await post('/api/chat', [`X-Request-Id: ${id}`])
    const given = /x-request-id: (.*)\r\n/.exec(text)?.[1]
    if (kept === undefined) expect(given).not.toBe(id)
    else expect(given).toBe(kept)
  })

  it.each([
    ['two lengths', 'Content-Length: 5'],
    ['a length and chunks', 'Transfer-Encoding: chunked'],
    ['a length that is none', 'Content-Length: abc'],
    ['an unknown expectation', 'Expect: the-impossible'],
    ['an unknown encoding', 'Content-Encoding: zstd'],
    ['two credentials', 'X-Api-Key: other'],
    ['a header that is none', 'no colon here'],
  ])('with %s are refused', (_what, header) => refused(post('/api/chat', [header])))

  it('with a chunked body are fine', async () => {
    const chunked = `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`
    const request = [
      'POST /api/chat HTTP/1.1',
      'Host: gate',
      auth(),
      json,
      'Transfer-Encoding: chunked',
      '',
      chunked,
    ].join('\r\n')
    expect((await sendRaw(gate.data, request)).status).toBe(200)
  })

  it('of 20 KB are too many', () => refused(post('/api/chat', [`X-Large: ${'x'.repeat(20_000)}`])))
})

describe('methods', () => {
  it.each(['DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND'])(
    '%s is no way to chat',
    async (method) => {
      await refused(
        sendRaw(gate.data, rawRequest(`${method} /api/chat HTTP/1.1`, [auth(), 'Connection: close'])),
      )
    },
  )
  it('CONNECT is no way to anything', async () => {
    const { text } = await sendRaw(gate.data, 'CONNECT 127.0.0.1:11434 HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(text).not.toContain('200')
  })
  it('an upgrade is not one', async () => {
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: x',
    ]
    await refused(get('/v1/realtime', upgrade))
  })
  it('two requests in one connection are two requests', async () => {
    const one = rawRequest('POST /api/chat HTTP/1.1', [auth(), json], body)
    const before = gate.requests().length
    const smuggled = `${one}${rawRequest('POST /api/delete HTTP/1.1', [auth(), json, 'Connection: close'], body)}`
    await sendRaw(gate.data, smuggled)
    expect(gate.requests().length).toBeGreaterThan(before)
    expect(model.seen.every(({ url }) => url !== '/api/delete')).toBe(true)
  })
})

describe('bytes that are no HTTP', () => {
  it.each([
    'GET / HTTP/9.9\r\n\r\n',
    'nonsense\r\n\r\n',
    '\u0000\u0001\u0002\r\n\r\n',
    'GET /api/tags HTTP/1.1\r\n\r\n',
  ])('%j get 400', async (bytes) => {
    const { status } = await sendRaw(gate.data, bytes)
    expect(status).toBe(400)
  })
})
