/** What a model has worked on is paid, however the request ended. */
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, type Script, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const limit = 1_000_000
const model = 'smollm2:135m'
const key = 'sk_live_9fK2xQ7LbTWdmVrj4Zp8hy3c'

async function start(more = '', limits = ''): Promise<{ server: ModelServer; gate: RunningGate }> {
  const server = await startModelServer()
  const role = `    routes: [chat]
    models: ["smollm2:*"]
    limits: { requestsPerMinute: unlimited, tokensPerDay: ${limit}${limits} }
    tools: { allow: [search] }
    caps: { outputTokens: 100000 }`
  const gate = await startGate({ upstream: server.url, role, more })
  open.push(server, gate)
  return { server, gate }
}

/** Tokens that this has cost. */
async function costOf(
  { server, gate }: { server: ModelServer; gate: RunningGate },
  script: Script,
  act: () => Promise<unknown>,
): Promise<number> {
  const remaining = async () => {
    server.script = likeOllama
    const response = await gate.post('/api/chat', { model, messages: [], options: { num_predict: 1 } })
    await response.arrayBuffer()
    return Number(response.headers.get('x-ratelimit-remaining-tokens'))
  }
  // Twice, for what the asking itself costs.
  const [first, second] = [await remaining(), await remaining()]
  const records = gate.requests().length
  server.script = script
  await act()
  await until(() => gate.requests().length > records)
  return second - (first - second) - (await remaining())
}

const call = { function: { name: 'rm_all', arguments: { path: '/' } } }
const toolCall = { id: 'c1', type: 'function', function: { name: 'rm_all', arguments: '{"path":"/"}' } }
const messages = [{ role: 'user', content: 'Tidy up.' }]

/** Answers in one piece, with a count of 7 and 5000 tokens. */
function answering(said: object, count: object, type = 'application/json') {
  return (seen: { method: string }, response: ServerResponse) => {
    if (seen.method !== 'POST') return likeOllama(seen as never, response)
    response.writeHead(200, { 'content-type': type })
    response.end(JSON.stringify({ model, ...said, ...count }))
  }
}
const counted = { prompt_eval_count: 7, eval_count: 5000 }
const ollamaAnswer = (message: object) =>
  answering({ message: { role: 'assistant', content: '', ...message }, done: true }, counted)
const openaiAnswer = (message: object) =>
  answering(
    { id: 'c', object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }] },
    { usage: { prompt_tokens: 7, completion_tokens: 5000, total_tokens: 5007 } },
  )
const anthropicAnswer = (content: object[]) =>
  answering(
    { id: 'm', type: 'message', role: 'assistant', content, stop_reason: 'tool_use' },
    { usage: { input_tokens: 7, output_tokens: 5000 } },
  )
const responsesAnswer = (output: object[]) =>
  answering(
    { id: 'r', object: 'response', status: 'completed', output },
    { usage: { input_tokens: 7, output_tokens: 5000 } },
  )

describe('an answer that is refused costs what the model says it was', () => {
  it.each<[string, string, Script, object]>([
    ['tool_not_allowed', '/api/chat', ollamaAnswer({ tool_calls: [call] }), { messages }],
    [
      'tool_not_allowed',
      '/v1/chat/completions',
      openaiAnswer({ role: 'assistant', content: null, tool_calls: [toolCall] }),
      { messages },
    ],
    [
      'tool_not_allowed',
      '/v1/messages',
      anthropicAnswer([{ type: 'tool_use', id: 't', name: 'rm_all', input: {} }]),
      { messages, max_tokens: 9000 },
    ],
    [
      'tool_not_allowed',
      '/v1/responses',
      responsesAnswer([{ type: 'function_call', id: 'f', call_id: 'c', name: 'rm_all', arguments: '{}' }]),
      { input: 'Tidy up.' },
    ],
    ['output_blocked', '/api/chat', ollamaAnswer({ content: `Your key: ${key}` }), { messages }],
    [
      'output_blocked',
      '/v1/chat/completions',
      openaiAnswer({ role: 'assistant', content: `Your key: ${key}` }),
      { messages },
    ],
  ])('%s of %s', async (code, path, script, body) => {
    const house = await start('guards: { output: { secrets: block } }\n')
    const cost = await costOf(house, script, async () => {
      const response = await house.gate.post(path, { model, stream: false, ...body })
      expect(response.headers.get('x-torwart-code')).toBe(code)
    })
    expect(cost).toBe(5007)
    expect(house.gate.requests().at(-2)).toMatchObject({ usage: { input: 7, output: 5000 } })
  })
})

const words = Array.from({ length: 200 }, (_none, index) => ` word${index}`)

function streaming(last: (response: ServerResponse) => void): Script {
  return (seen, response) => {
    if (seen.method !== 'POST') return likeOllama(seen, response)
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (const content of words)
      response.write(`${JSON.stringify({ model, message: { role: 'assistant', content }, done: false })}\n`)
    last(response)
  }
}

describe('an answer that does not come to its end costs what was generated', () => {
  it('that was cut at a tool that is not allowed', async () => {
    const house = await start()
    const line = { model, message: { role: 'assistant', content: '', tool_calls: [call] }, done: false }
    const script = streaming((response) => void response.end(`${JSON.stringify(line)}\n`))
    const cost = await costOf(house, script, async () => {
      const response = await house.gate.post('/api/chat', { model, messages })
      expect(await response.text()).toContain('may not use')
    })
    expect(cost).toBeGreaterThan(200)
    expect(cost).toBeLessThan(600)
  })

  it('whose client left', async () => {
    const house = await start()
    const cost = await costOf(
      house,
      streaming(() => {}),
      async () => {
        const response = await house.gate.post('/api/chat', { model, messages })
        const reader = response.body?.getReader()
        let text = ''
        while (!text.includes('word199')) text += new TextDecoder().decode((await reader?.read())?.value)
        await reader?.cancel()
      },
    )
    expect(cost).toBeGreaterThan(200)
    expect(cost).toBeLessThan(600)
  })

  it('whose model server broke off', async () => {
    const house = await start()
    const script = streaming((response) => void response.write('\n', () => response.destroy()))
    const cost = await costOf(house, script, async () => {
      await (await house.gate.post('/api/chat', { model, messages })).text().catch(() => '')
    })
    expect(cost).toBeGreaterThan(100)
    expect(cost).toBeLessThan(600)
  })
})

describe('an answer of which nothing came', () => {
  const silent: Script = (seen, response) => (seen.method === 'POST' ? undefined : likeOllama(seen, response))

  it('costs the time that the model was at it, when its client leaves', async () => {
    const house = await start()
    const leaving = new AbortController()
    const cost = await costOf(house, silent, async () => {
      const before = house.server.posts.length
      const body = JSON.stringify({ model, messages, stream: false })
      const headers = { authorization: `Bearer ${house.gate.key}`, 'content-type': 'application/json' }
      const asked = fetch(`${house.gate.data}/api/chat`, {
        method: 'POST',
        body,
        headers,
        signal: leaving.signal,
      })
      await until(() => house.server.posts.length > before)
      leaving.abort()
      await asked.catch(() => {})
    })
    // Its prompt, six, and something for the time.
    expect(cost).toBeGreaterThan(6)
  })

  it('costs something, when it takes too long', async () => {
    const house = await start('timeouts: { firstByte: 250ms, total: 250ms }\n')
    const cost = await costOf(house, silent, async () => {
      const response = await house.gate.post('/api/chat', { model, messages, stream: false })
      expect(response.headers.get('x-torwart-code')).toBe('upstream_timeout')
    })
    expect(cost).toBeGreaterThan(8)
  })

  it.each([500, 400, 503])('because the model server answered %i costs nothing', async (status) => {
    const house = await start()
    const script: Script = (seen, response) =>
      seen.method === 'POST' ? void response.writeHead(status).end('{}') : likeOllama(seen, response)
    const cost = await costOf(house, script, async () => {
      await (await house.gate.post('/api/chat', { model, messages, stream: false })).text()
    })
    expect(cost).toBe(0)
  })
})

it('a prompt whose answers are refused again and again is repetition', async () => {
  const { gate, server } = await start('', ', repetition: { same: 2, window: 10m }')
  server.script = ollamaAnswer({ tool_calls: [call] })
  const codes: (string | null)[] = []
  for (let time = 0; time < 3; time++) {
    const response = await gate.post('/api/chat', { model, messages, stream: false })
    codes.push(response.headers.get('x-torwart-code'))
    await response.arrayBuffer()
  }
  expect(codes).toEqual(['tool_not_allowed', 'tool_not_allowed', 'repetition'])
})
