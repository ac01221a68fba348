/** One budget for all that requests hold: who is refused when it is spent, and that it comes back. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type GateSettings, type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})
const role = `    routes: [chat, completions, embeddings]
    models: ["smollm2:*", all-minilm]
    limits: { requestsPerMinute: 1000 }
    caps: { body: 32MiB, contextTokens: 1000000 }`

/** Nobody reads the texts, of which there are megabytes. */
const more = 'memory: { budget: 16MiB }\nguards: { prompt: { mode: off } }\n'

async function start(
  settings: Partial<GateSettings> = {},
): Promise<{ model: ModelServer; gate: RunningGate }> {
  const model = await startModelServer()
  const gate = await startGate({
    upstream: model.url,
    role,
    more,
    ...settings,
  })
  open.push(model, gate)
  return { model, gate }
}

const mega = 1024 * 1024
const embed = (bytes: number) => ({ model: 'all-minilm', input: 'a '.repeat(bytes / 2) })
const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
const codeOf = async (answer: Promise<Response>) => {
  const response = await answer
  await response.text()
  return response.headers.get('x-torwart-code') ?? response.status
}

describe('the budget of memory', () => {
  it('refuses a body that it has no room for, once on record, and nothing else', async () => {
    const { gate, model } = await start()
    const response = await gate.post('/api/embed', embed(5 * mega))
    expect([
      response.status,
      response.headers.get('x-torwart-code'),
      response.headers.get('retry-after'),
    ]).toEqual([503, 'overloaded', '1'])
    expect(await response.json()).toEqual({
      error: 'The gateway has reached its memory budget. Try again later.',
    })
    expect(gate.requests().map(({ ending }) => ending)).toEqual([
      { kind: 'refused', code: 'overloaded', status: 503 },
    ])
    expect(model.posts).toHaveLength(0)
    expect(await codeOf(gate.post('/api/chat', chat))).toBe(200)
  })

  it('is held by those that wait for their model, leaves room for small ones, and comes back', async () => {
    const { gate, model } = await start()
    const waiting = holdPosts(model)
    const first = codeOf(gate.post('/api/embed', embed(2.5 * mega)))
    await until(() => waiting.length === 1)
    expect(await codeOf(gate.post('/api/embed', embed(2.5 * mega)))).toBe('overloaded')
    const small = codeOf(gate.post('/api/chat', chat))
    await until(() => waiting.length === 2)
    for (const go of waiting) go()
    expect([await first, await small]).toEqual([200, 200])
    model.script = likeOllama
    expect(await codeOf(gate.post('/api/embed', embed(2.5 * mega)))).toBe(200)
  })

  it('comes back as soon as a body is refused, though its client goes on sending', async () => {
    const { gate } = await start({ role: `${role.replace('32MiB', '3MiB')}` })
    const { hostname, port } = new URL(gate.data)
    const socket = connect(Number(port), hostname)
    const head = `POST /api/embed HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gate.key}\r\n`
    socket.write(`${head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`)
    // One byte more than it may, and no end.
    const piece = Buffer.alloc(mega, ' ')
    for (let count = 0; count < 3; count++) socket.write(`100000\r\n${piece}\r\n`)
    socket.write('1\r\n \r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toContain('body_too_large')
    expect(await codeOf(gate.post('/api/embed', embed(2.5 * mega)))).toBe(200)
    expect(socket.readableEnded).toBe(false)
    socket.destroy()
  })

  it('comes back from clients that leave', async () => {
    const { gate, model } = await start()
    holdPosts(model)
    const leaving = new AbortController()
    const gone = fetch(`${gate.data}/api/embed`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gate.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(embed(3 * mega)),
      signal: leaving.signal,
    })
    await until(() => model.posts.length === 1)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    model.script = likeOllama
    await until(async () => (await codeOf(gate.post('/api/embed', embed(3 * mega)))) === 200)
  })

  it('is asked for what a compressed body becomes', async () => {
    const { gate } = await start()
    const { gzipSync } = await import('node:zlib')
    const body = new Uint8Array(gzipSync(JSON.stringify(embed(5 * mega))))
    expect(await codeOf(gate.post('/api/embed', body as never, { 'content-encoding': 'gzip' }))).toBe(
      'overloaded',
    )
  })

  it.each([
    ['an answer that is not yet whole', 'application/json', '/api/chat', false],
    ['a line of a stream that does not end', 'application/x-ndjson', '/api/chat', true],
    ['an event of a stream that does not end', 'text/event-stream', '/v1/chat/completions', true],
  ])('cuts %s', async (_what, type, path, stream) => {
    const { gate, model } = await start()
    let isGone = false
    model.script = async (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      response.writeHead(200, { 'content-type': type })
      response.on('close', () => {
        isGone = true
      })
      response.write(type === 'text/event-stream' ? 'data: {"a":"' : '{"a":"')
      response.write('x'.repeat(4 * mega))
    }
    expect(await codeOf(gate.post(path, { ...chat, stream }))).toBe('overloaded')
    await until(() => isGone)
    expect(gate.requests().map(({ ending }) => ending)).toMatchObject([{ code: 'overloaded' }])
    model.script = likeOllama
    expect(await codeOf(gate.post('/api/chat', chat))).toBe(200)
  })

  it('is told as too small where a usual request would not fit', async () => {
    await expect(start({ more: 'memory: { budget: 1MiB }\n' })).rejects.toThrow('must be at least 16MiB')
    for (const each of open.splice(0)) await each.close()
  })
})

describe('a request for embeddings', () => {
  it.each(['/api/embed', '/v1/embeddings'])('%s: may hold so many texts', async (path) => {
    const { gate } = await start()
    const input = Array(2048).fill('hi')
    expect(await codeOf(gate.post(path, { model: 'all-minilm', input }))).toBe(200)
    const refused = await gate.post(path, { model: 'all-minilm', input: [...input, 'hi'] })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain(
      '2049 texts to embed, and this key may send 2048 (`caps.inputs` of its role)',
    )
  })

  it('gets a long answer as it came, under the name it asked for, and pays for it', async () => {
    const { gate, model } = await start({ more: 'aliases: { mine: all-minilm }\n' })
    const vector = Array.from({ length: 100_000 }, (_, index) => index / 7)
    const answer = { model: 'all-minilm', embeddings: [vector], prompt_eval_count: 8 }
    model.script = async (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer))
    }
    const got = await gate.post('/api/embed', { model: 'mine', input: 'hi' })
    expect(await got.json()).toEqual({ ...answer, model: 'mine' })
    expect(gate.requests().at(-1)).toMatchObject({ ending: { kind: 'answered' }, usage: { input: 8 } })
  })

  it('whose long answer is misshapen gets no end of it, and that is on record', async () => {
    const { gate, model } = await start()
    const vector = JSON.stringify(Array.from({ length: 100_000 }, (_, index) => index / 7))
    model.script = async (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(
        `{"model":"all-minilm","embeddings":[${vector}],"prompt_eval_count":8,"prompt_eval_count":1}`,
      )
    }
    const got = await gate.post('/api/embed', { model: 'all-minilm', input: 'hi' })
    await expect(got.text()).rejects.toThrow()
    await until(() => gate.requests().length === 1)
    expect(gate.requests()[0]?.ending).toEqual({ kind: 'cut', code: 'upstream_failed', status: 200 })
  })
})
