/** Agents that loop are stopped: by what they do in a minute, and by doing the same again and again. */
import { afterEach, describe, expect, it } from 'vitest'
import { type GateSettings, type RunningGate, startGate } from '../rig/gate.ts'
import {
  holdPosts,
  likeOllama,
  type ModelServer,
  play,
  recordedText,
  startModelServer,
} from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(
  limits: string,
  more: Partial<GateSettings> = {},
): Promise<{ model: ModelServer; gate: RunningGate }> {
  const model = await startModelServer()
  const role = `    routes: [chat, completions, embeddings, models]\n    models: ["smollm2:*", all-minilm]\n    limits: { requestsPerMinute: 1000, ${limits} }`
  const gate = await startGate({ upstream: model.url, role, ...more })
  open.push(model, gate)
  return { model, gate }
}

const chat = (content: string) => ({
  model: 'smollm2:135m',
  stream: false,
  messages: [{ role: 'user', content }],
})
async function send(gate: RunningGate, path: string, body: unknown) {
  const response = await gate.post(path, body)
  const text = await response.text()
  return {
    status: response.status,
    code: response.headers.get('x-torwart-code'),
    headers: response.headers,
    text,
  }
}
const say = (gate: RunningGate, content: string) => send(gate, '/api/chat', chat(content))

/** The tool call that a real server once made, as it comes unstreamed: the last frame with the first one's message. */
function wholeCall(): string {
  const [first = '', last = ''] = recordedText('chat-tools-stream').split('\n')
  return JSON.stringify({ ...JSON.parse(last), message: JSON.parse(first).message })
}

/** Answers every chat with it. */
function callingTools(model: ModelServer): void {
  model.script = (seen, response) => {
    if (seen.url === '/api/chat' && seen.json.stream === false) {
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      response.end(wholeCall())
      return undefined
    }
    if (seen.url === '/api/chat') return play('chat-tools-stream', response)
    if (seen.url === '/v1/chat/completions') return play('v1-chat-tools-stream', response)
    if (seen.url === '/v1/messages') return play('v1-messages-tools-whole', response)
    return likeOllama(seen, response)
  }
}
const openai = (content: string, stream = false) => ({ ...chat(content), stream })

describe('the same prompt', () => {
  it('is refused past the limit, whatever its spelling, and another one is not', async () => {
    const { gate, model } = await start('repetition: { same: 3, window: 10m }')
    for (const spelling of ['File a ticket', 'file  a TICKET', 'file a​ ticket\n'])
      expect((await say(gate, spelling)).status).toBe(200)
    const before = model.posts.length
    const refused = await say(gate, 'FILE A TICKET')
    expect(refused).toMatchObject({ status: 429, code: 'repetition' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(590)
    expect(refused.headers.get('x-should-retry')).toBe('false')
    expect(model.posts).toHaveLength(before)
    expect((await say(gate, 'File another ticket')).status).toBe(200)
    expect((await send(gate, '/v1/chat/completions', openai('file a ticket'))).code).toBe('repetition')
  })

  it('is known by what differs in earnest: a number, a day, what came before, an image', async () => {
    const { gate } = await start('repetition: { same: 2, window: 10m }')
    for (let index = 0; index < 5; index++) {
      expect((await say(gate, `Summarise record ${index}`)).status).toBe(200)
      expect((await say(gate, `Sales of 2026-01-0${index + 1}`)).status).toBe(200)
      const conversation = [
        { role: 'user', content: `Question ${index}` },
        { role: 'assistant', content: 'An answer.' },
        { role: 'user', content: 'go on' },
      ]
      expect((await send(gate, '/api/chat', { ...chat(''), messages: conversation })).status).toBe(200)
    }
  })

  it('is the same at another moment and with another random id', async () => {
    const { gate } = await start('repetition: { same: 2, window: 10m }')
    const at = (time: string, id: string) => say(gate, `It is ${time}. Job ${id}: file a ticket.`)
    expect((await at('2026-01-01T10:00:00Z', '0f9e3d5c-1111-4a6b-8c2d-000000000001')).status).toBe(200)
    expect((await at('2026-01-01 10:05:13', '0f9e3d5c-2222-4a6b-8c2d-000000000002')).status).toBe(200)
    expect((await at('2026-01-02T11:06:00.5+01:00', '0f9e3d5c-3333-4a6b-8c2d-000000000003')).code).toBe(
      'repetition',
    )
  })

  it('is seen where two of them alternate', async () => {
    const { gate } = await start('repetition: { same: 2, window: 10m }')
    const codes: (string | null)[] = []
    for (const text of ['ping', 'pong', 'ping', 'pong', 'ping', 'pong'])
      codes.push((await say(gate, text)).code)
    expect(codes).toEqual([null, null, null, null, 'repetition', 'repetition'])
  })

  it('may be tried again when a model server fails', async () => {
    const { gate, model } = await start('repetition: { same: 2, window: 10m }')
    model.script = (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      response.writeHead(500).end()
      return undefined
    }
    for (let index = 0; index < 5; index++) expect((await say(gate, 'again')).code).toBe('upstream_failed')
    model.script = likeOllama
    for (const code of [null, null, 'repetition']) expect((await say(gate, 'again')).code).toBe(code)
  })

  it('may be embedded as often as one likes', async () => {
    const { gate } = await start('repetition: { same: 2, window: 10m }')
    for (let index = 0; index < 4; index++)
      expect((await send(gate, '/api/embed', { model: 'all-minilm', input: 'the same' })).status).toBe(200)
  })

  it('leaves nothing of itself in the log', async () => {
    const { gate } = await start('repetition: { same: 2, window: 10m }')
    for (let index = 0; index < 3; index++) await say(gate, 'quite unmistakable words')
    expect(gate.logged()).not.toContain('unmistakable')
    const last = await until(() => gate.requests().at(2))
    expect(last.ending).toMatchObject({ kind: 'refused', code: 'repetition', status: 429 })
  })
})

describe('the same tool call', () => {
  it.each([
    ['/api/chat', { stream: false }],
    ['/v1/messages', { stream: false, max_tokens: 50 }],
  ])('is not answered past the limit (%s)', async (path, more) => {
    const { gate, model } = await start('repetition: { same: 2, window: 10m }')
    callingTools(model)
    // What is asked differs every time: it is the call that repeats.
    const ask = (index: number) => send(gate, path, { ...chat(`task ${index}`), ...more })
    for (let index = 0; index < 2; index++) expect((await ask(index)).status).toBe(200)
    const refused = await ask(2)
    expect(refused).toMatchObject({ status: 429, code: 'repetition' })
    expect(refused.text).toContain('same tool call')
    const record = await until(() => gate.requests().at(2))
    expect(record.ending).toMatchObject({ code: 'repetition' })
  })

  it.each(['/v1/chat/completions', '/api/chat'])(
    'does not leave in a stream either, whether its end is waited for or not (%s)',
    async (path) => {
      const { gate, model } = await start('repetition: { same: 2, window: 10m }')
      callingTools(model)
      const ask = (index: number) => send(gate, path, openai(`task ${index}`, true))
      for (let index = 0; index < 2; index++) expect((await ask(index)).text).toContain('get_weather')
      for (let index = 2; index < 5; index++) {
        const { status, code, text } = await ask(index)
        expect([status, code]).toEqual([429, 'repetition'])
        expect(text).not.toContain('get_weather')
      }
      expect((await until(() => gate.requests().at(4))).ending).toMatchObject({ code: 'repetition' })
    },
  )

  it('waits alone: what was said before it leaves at once', async () => {
    const { gate, model } = await start('repetition: { same: 2, window: 10m }')
    const [said = ''] = recordedText('v1-chat-stream').split('\n\n')
    let go = () => {}
    model.script = async (seen, response) => {
      if (seen.url !== '/v1/chat/completions') return likeOllama(seen, response)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`${said}\n\n`)
      await new Promise<void>((resolve) => {
        go = resolve
      })
      response.end(recordedText('v1-chat-tools-stream'))
    }
    const response = await gate.post('/v1/chat/completions', openai('task', true))
    const reader = response.body?.getReader()
    const first = new TextDecoder().decode((await reader?.read())?.value)
    expect(first).toContain('chat.completion.chunk')
    go()
    let rest = ''
    for (let more = await reader?.read(); more && !more.done; more = await reader?.read())
      rest += new TextDecoder().decode(more.value)
    expect(rest).toMatch(/get_weather.*\[DONE\]/s)
  })

  it('costs what was generated, though it was refused', async () => {
    const { gate, model } = await start('tokensPerMinute: 20000, repetition: { same: 2, window: 10m }')
    callingTools(model)
    const left: number[] = []
    for (let index = 0; index < 4; index++) {
      const { headers } = await say(gate, `task ${index}`)
      left.push(Number(headers.get('x-ratelimit-remaining-tokens')))
    }
    expect(left[3]).toBeLessThan(left[2] ?? 0)
  })
})

describe('the circuit breaker', () => {
  it('opens when a key does too much in a minute, tells it once, and lets nothing more through', async () => {
    const { gate, model } = await start('actionsPerMinute: 4')
    for (let index = 0; index < 4; index++) expect((await say(gate, `task ${index}`)).status).toBe(200)
    const before = model.posts.length
    for (let index = 0; index < 3; index++) {
      const refused = await say(gate, `more ${index}`)
      expect(refused).toMatchObject({ status: 429, code: 'breaker_open' })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50)
    }
    expect(model.posts).toHaveLength(before)
    // Lists are no actions.
    expect((await gate.get('/api/tags')).status).toBe(200)
    const opened = gate.records().filter(({ event }) => event === 'breaker opened')
    expect(opened).toMatchObject([{ identity: { id: gate.keyId } }])
    expect(await (await fetch(`${gate.admin}/metrics`)).text()).toContain('torwart_breaker_openings_total 1')
  })

  it('counts the tool calls of answers', async () => {
    const { gate, model } = await start('actionsPerMinute: 3')
    callingTools(model)
    expect((await say(gate, 'one')).status).toBe(200)
    const second = await until(async () => {
      const { code } = await say(gate, 'two')
      return code === null ? false : code
    })
    expect(second).toBe('breaker_open')
    expect(gate.records().filter(({ event }) => event === 'breaker opened')).toHaveLength(1)
  })

  it('is nobody else’s', async () => {
    const { gate } = await start('actionsPerMinute: 1')
    await say(gate, 'one')
    expect((await say(gate, 'two')).code).toBe('breaker_open')
    expect(gate.requests().map(({ ending }) => (ending as { code: string }).code)).toEqual([
      null,
      'breaker_open',
    ])
  })
})

describe('limits that are shared', () => {
  it('hold for a role, a model and all callers, and say whose they are', async () => {
    const role = `    routes: [chat, models]
    models: ["smollm2:*"]
    limits: { requestsPerMinute: unlimited }
    shared: { requestsPerMinute: 3 }`
    const { gate } = await start('', { role })
    for (let index = 0; index < 3; index++) expect((await say(gate, `${index}`)).status).toBe(200)
    const refused = await say(gate, 'more')
    expect(refused).toMatchObject({ status: 429, code: 'rate_limited' })
    expect(refused.headers.get('x-ratelimit-limit-requests')).toBe('3')
    expect(refused.text).toContain('all keys of this role')
    expect((await until(() => gate.requests().at(3))).limits).toMatchObject({
      requests: { scope: 'role', limit: 3, remaining: 0 },
    })
  })

  it('of a model are judged when it is known, and its tokens weigh what the policy says', async () => {
    const more = `models: { "smollm2:*": { weight: 10, limits: { requestsPerMinute: 2, tokensPerMinute: 100000 } } }\n`
    const { gate } = await start('', { more })
    const ask = (index: number) =>
      send(gate, '/api/chat', { ...chat(`${index}`), options: { num_predict: 100 } })
    const first = await ask(0)
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2')
    // A hundred of output and a little input, ten times.
    const left = Number(first.headers.get('x-ratelimit-remaining-tokens'))
    expect(100_000 - left).toBeGreaterThan(1000)
    expect(100_000 - left).toBeLessThan(1200)
    expect((await ask(1)).status).toBe(200)
    const refused = await ask(2)
    expect(refused).toMatchObject({ status: 429, code: 'rate_limited' })
    expect(refused.text).toContain('for all callers of this model')
  })

  it('of everybody bound what runs at once', async () => {
    const { gate, model } = await start('waiting: 0', { more: 'limits: { concurrent: 1 }\n' })
    const waiting = holdPosts(model)
    const running = say(gate, 'one')
    await until(() => waiting.length === 1)
    expect((await say(gate, 'two')).code).toBe('too_many_concurrent')
    for (const go of waiting) go()
    expect((await running).status).toBe(200)
  })
})

describe('retry-after', () => {
  it('counts on what a refusal gives back: no slot now is a second, not a minute', async () => {
    const { gate } = await start('', {
      role: `    routes: [chat]\n    models: ["smollm2:*"]\n    limits: { requestsPerMinute: 2, concurrent: 1, waiting: 0 }`,
    })
    const model = open[0] as unknown as ModelServer
    const waiting = holdPosts(model)
    const running = say(gate, 'one')
    await until(() => waiting.length === 1)
    const refused = await say(gate, 'two')
    expect(refused.code).toBe('too_many_concurrent')
    expect(refused.headers.get('retry-after')).toBe('1')
    for (const go of waiting) go()
    await running
    model.script = likeOllama
    expect((await say(gate, 'two')).status).toBe(200)
    // Now both requests of this minute were let through.
    expect((await say(gate, 'three')).code).toBe('rate_limited')
  })
})
