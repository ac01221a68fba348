/** Answers on their way, and everybody who may leave or fall silent. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, type Script, startModelServer } from '../rig/model-server.ts'
import { rawRequest, sendRaw } from '../rig/raw.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    role: `    routes: [chat, completions, embeddings, models]
    models: ["smollm2:*"]
    limits: { requestsPerMinute: 100000, concurrent: 1, waiting: 0, tokensPerMinute: 10000 }
    caps: { outputTokens: 4000 }`,
    // Several megabytes are read here before a client is found not to take them: `guards.budget` must not end it first.
    more: `timeouts: { firstByte: 1s, serverSilence: 1s, body: 500ms, write: 500ms, connect: 500ms }
guards: { budget: 1000000000 }
`,
  })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const chat = { model: 'smollm2:135m', messages: [{ role: 'user', content: 'hi' }] }
const line = (content: string, done = false) =>
  `${JSON.stringify({ model: 'smollm2:135m', message: { role: 'assistant', content }, done, ...(done ? { eval_count: 1 } : {}) })}\n`
const start: Script = (_seen, response) => {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.write(line('Hm'))
}
const silence: Script = () => {}
const lastEnding = () => gate.requests().at(-1)?.ending
const slotIsFree = async () => {
  const answer = await gate.post('/api/chat', { ...chat, model: 'smollm2:135m', stream: false })
  await answer.arrayBuffer()
  return answer.headers.get('x-torwart-code') !== 'too_many_concurrent'
}
/** One unfinished answer holds the one slot there is; afterwards it must be free again. */
async function expectSlotBack(): Promise<void> {
  model.script = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(line('x', true))
  }
  await until(slotIsFree)
}

describe('a client that leaves', () => {
  const stages: readonly (readonly [string, Script, string, number | null])[] = [
    ['before the first byte', silence, 'aborted', null],
    ['in mid-stream', start, 'aborted', 200],
  ]
  it.each(stages)(
    '%s stops the model, frees its slot and is on record',
    async (_when, script, kind, status) => {
      model.script = script
      const before = model.posts.length
      const leaving = new AbortController()
      const asked = fetch(`${gate.data}/api/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gate.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(chat),
        signal: leaving.signal,
      })
      const seen = await until(() => model.posts[before])
      if (status !== null) await (await asked).body?.getReader().read()
      const left = performance.now()
      leaving.abort()
      await asked.catch(() => {})
      await seen.left
      expect(performance.now() - left).toBeLessThan(300)
      await until(() => (lastEnding() as { kind: string }).kind === kind)
      expect(lastEnding()).toEqual({ kind, code: null, status })
      await expectSlotBack()
    },
  )

  it('while its body is still on the way leaves nothing behind', async () => {
    const before = gate.requests().length
    const socket = connect(Number(new URL(gate.data).port), '127.0.0.1')
    socket.write(
      `POST /api/chat HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer ${gate.key}\r\nContent-Length: 500\r\n\r\n{"mod`,
    )
    await new Promise((resolve) => socket.once('connect', resolve))
    await new Promise(setImmediate)
    socket.destroy()
    await until(() => gate.requests().length === before + 1)
    expect(lastEnding()).toMatchObject({ kind: 'aborted' })
    await expectSlotBack()
  })

  it('behind the finish chunk has had its answer', async () => {
    model.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const chunk = (choice: object) =>
        `data: ${JSON.stringify({ model: 'smollm2:135m', choices: [{ index: 0, ...choice }] })}\n\n`
      response.write(chunk({ delta: { content: 'Hm' }, finish_reason: null }))
      response.write(chunk({ delta: {}, finish_reason: 'stop' }))
    }
    const answer = await gate.post('/v1/chat/completions', { ...chat, stream: true })
    const reader = answer.body?.getReader()
    let text = ''
    while (!text.includes('stop')) text += new TextDecoder().decode((await reader?.read())?.value)
    await reader?.cancel()
    await until(() => (lastEnding() as { kind: string }).kind === 'answered')
    await expectSlotBack()
  })
})

describe('a model server that', () => {
  it('never answers is given up on', async () => {
    model.script = silence
    const response = await gate.post('/api/chat', chat)
    expect(response.status).toBe(504)
    expect(response.headers.get('x-torwart-code')).toBe('upstream_timeout')
    await expectSlotBack()
  })

  it('falls silent in mid-stream is told on', async () => {
    model.script = start
    const response = await gate.post('/api/chat', chat)
    const text = await response.text()
    expect(text).toContain('"content":"Hm"')
    expect(text.trim().split('\n').at(-1)).toBe('{"error":"The model server took too long to respond."}')
    expect(lastEnding()).toEqual({ kind: 'cut', code: 'upstream_timeout', status: 200 })
    await expectSlotBack()
  })

  it.each<readonly [string, Script, number]>([
    ['hangs up at once', (_seen, response) => void response.destroy(), 502],
    ['answers what is no JSON', (_seen, response) => void response.end('<html>'), 502],
    [
      'redirects',
      (_seen, response) => {
        response.writeHead(307, { location: 'http://127.0.0.1:1/' })
        response.end()
      },
      502,
    ],
    [
      'fails under status 200 in its first line',
      (_seen, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' })
        response.end('{"error":"secret internals /etc"}\n')
      },
      502,
    ],
    [
      'fails with internals in its text',
      (_seen, response) => {
        response.writeHead(500)
        response.end('{"error":"secret internals /etc"}')
      },
      502,
    ],
  ])('%s is a clean refusal', async (_what, script, status) => {
    model.script = script
    const response = await gate.post('/api/chat', chat)
    const text = await response.text()
    expect(response.status).toBe(status)
    expect(text).not.toMatch(/secret|etc|127\.0\.0\.1/)
    await expectSlotBack()
  })

  it('hangs up in mid-stream is told on', async () => {
    model.script = (_seen, response) => {
      start(_seen, response)
      setImmediate(() => response.destroy())
    }
    const text = await (await gate.post('/api/chat', chat)).text()
    expect(text.trim().split('\n').at(-1)).toBe('{"error":"The model server failed."}')
    await expectSlotBack()
  })

  it('ends without its end mark is told on', async () => {
    model.script = (seen, response) => {
      start(seen, response)
      response.end()
    }
    const text = await (await gate.post('/api/chat', chat)).text()
    expect(text.trim().split('\n').at(-1)).toContain('error')
    expect(lastEnding()).toMatchObject({ kind: 'cut', code: 'upstream_failed' })
    expect(gate.logged()).toMatch(/"code":"upstream_failed","detail":"[^"]+".*"answer cut"/)
    await expectSlotBack()
  })

  it('is never half-closed, and sees nothing but whole requests', async () => {
    let ended = false
    model.script = (_seen, response) => {
      response.socket?.on('end', () => {
        ended = true
      })
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(line('x', true))
    }
    await (await gate.post('/api/chat', { ...chat, stream: false })).text()
    expect(ended).toBe(false)
  })
})

describe('frames', () => {
  it('leave as they come', async () => {
    let more: (() => void) | undefined
    model.script = async (seen, response) => {
      start(seen, response)
      await new Promise<void>((resolve) => {
        more = resolve
      })
      response.end(line('', true))
    }
    const answer = await gate.post('/api/chat', chat)
    const reader = answer.body?.getReader()
    const first = new TextDecoder().decode((await reader?.read())?.value)
    expect(first).toBe(line('Hm'))
    more?.()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('"done":true')
  })

  it('wait for a client that reads slowly, and are all there in the end', async () => {
    const lines = 20_000
    model.script = async (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      for (let index = 0; index < lines; index++)
        if (!response.write(line(`word ${index} `.padEnd(200))))
          await new Promise((resolve) => response.once('drain', resolve))
      response.end(line('', true))
    }
    const answer = await gate.post('/api/chat', chat)
    const reader = answer.body?.getReader()
    let text = ''
    for (;;) {
      const piece = await reader?.read()
      if (!piece || piece.done) break
      text += new TextDecoder().decode(piece.value)
      await new Promise(setImmediate)
    }
    expect(text.trim().split('\n')).toHaveLength(lines + 1)
  })
})

describe('a slow client', () => {
  it('that does not send its body loses', async () => {
    const started = performance.now()
    const request = `POST /api/chat HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer ${gate.key}\r\nContent-Length: 500\r\n\r\n{"mod`
    const { status, text } = await sendRaw(gate.data, request)
    expect(status).toBe(400)
    expect(text).toContain('took too long')
    expect(performance.now() - started).toBeGreaterThanOrEqual(450)
    await expectSlotBack()
  })

  it('that does not read keeps the model from writing on', async () => {
    // Wide, and yet nothing said that would cost tokens.
    const wide = `${JSON.stringify({ model: 'smollm2:135m', pad: 'x'.repeat(100_000), done: false })}\n`
    const max = 1000
    const before = gate.requests().length
    let written = 0
    model.script = async (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      const closed = once(response, 'close')
      while (!response.destroyed && written < max) {
        written++
        if (!response.write(wide)) await Promise.race([once(response, 'drain'), closed])
      }
    }
    const socket = connect(Number(new URL(gate.data).port), '127.0.0.1')
    socket.pause()
    socket.write(
      rawRequest('POST /api/chat HTTP/1.1', [`Authorization: Bearer ${gate.key}`], JSON.stringify(chat)),
    )
    // Cut after 500 ms by `timeouts.write`; what the model had written by then filled buffers and nothing else.
    await until(() => gate.requests().length > before)
    expect(lastEnding()).toMatchObject({ kind: 'aborted' })
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(max / 2)
    socket.destroy()
    await expectSlotBack()
  })

  it('that does not take its answer loses, and the model stops', async () => {
    const before = model.posts.length
    model.script = async (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      const wide = line('x'.repeat(100_000))
      const closed = once(response, 'close')
      while (!response.destroyed)
        if (!response.write(wide)) await Promise.race([once(response, 'drain'), closed])
    }
    const socket = connect(Number(new URL(gate.data).port), '127.0.0.1')
    socket.pause()
    socket.write(
      rawRequest('POST /api/chat HTTP/1.1', [`Authorization: Bearer ${gate.key}`], JSON.stringify(chat)),
    )
    const seen = await until(() => model.posts[before])
    await seen.left
    socket.destroy()
    await until(() => (lastEnding() as { kind: string }).kind === 'aborted')
    await expectSlotBack()
  })
})

describe('a model server that is not there', () => {
  it('is 502, and nobody learns its address', async () => {
    const away = await startGate({ upstream: 'http://127.0.0.1:1' })
    for (const [path, body] of [
      ['/api/chat', { ...chat }],
      ['/v1/chat/completions', chat],
    ] as const) {
      const response = await away.post(path, body)
      expect(response.status).toBe(502)
      expect(response.headers.get('x-torwart-code')).toBe('upstream_failed')
      expect(await response.text()).not.toContain('127.0.0.1')
    }
    expect((await away.get('/api/tags')).status).toBe(502)
    await away.close()
  })
})
