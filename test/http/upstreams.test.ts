/** Several model servers behind one gate: who is asked, who is asked instead, who waits. */
import { afterEach, describe, expect, it } from 'vitest'
import { type GateSettings, type RunningGate, startGate } from '../rig/gate.ts'
import { likeLocalai } from '../rig/localai.ts'
import { likeOllama, type ModelServer, play, type Script, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function server(script?: Script): Promise<ModelServer> {
  const model = await startModelServer(script)
  closers.push(model.close)
  return model
}
async function gateBefore(
  models: readonly ModelServer[],
  more: Partial<GateSettings> = {},
): Promise<RunningGate> {
  const [first, ...others] = models
  const furtherUpstreams = others.map(
    ({ url }, index) => `{ name: more${index}, url: "${url}", kind: ollama }`,
  )
  const gate = await startGate({ upstream: first?.url ?? '', furtherUpstreams, ...more })
  closers.push(gate.close)
  return gate
}
const body = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
const chat = (gate: RunningGate, more: object = {}) => gate.post('/api/chat', { ...body, ...more })
const fails =
  (status: number): Script =>
  (seen, response) => {
    if (seen.method === 'GET') return likeOllama(seen, response)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end('{"error":"no"}')
    return undefined
  }

describe('a model server that fails', () => {
  it.each([
    [
      'hangs up',
      (seen, response) => (seen.method === 'GET' ? likeOllama(seen, response) : void response.destroy()),
    ],
    ['is busy', fails(503)],
    ['stands before one that is gone', fails(502)],
  ] as readonly [string, Script][])(
    'and %s is replaced by the next, before the first byte',
    async (how, script) => {
      const models = [await server(script), await server()]
      const gate = await gateBefore(models)
      for (let count = 0; count < 3; count++) expect((await chat(gate)).status).toBe(200)
      expect(gate.requests().map(({ upstream }) => upstream)).toEqual(['more0', 'more0', 'more0'])
      // What failed once is not tried first again at once; a connection that may just have been old is made anew once.
      expect(models[0]?.posts.length).toBe(how === 'hangs up' ? 2 : 1)
    },
  )

  it('that is not there at all is replaced, and shows', async () => {
    const gone = await server()
    const gate = await gateBefore([gone, await server()])
    await gone.close()
    expect((await chat(gate)).status).toBe(200)
    const ready = (await (await fetch(`${gate.admin}/readyz`)).json()) as { upstreams: unknown }
    expect(ready.upstreams).toEqual([
      { name: 'local', up: false },
      { name: 'more0', up: true },
    ])
  })

  it('is not replaced after the first byte, nor for what every server would refuse', async () => {
    const models = [
      await server((seen, response) => {
        if (seen.method === 'GET') return likeOllama(seen, response)
        response.writeHead(200, { 'content-type': 'application/x-ndjson' })
        response.write('{"model":"smollm2:135m","message":{"role":"assistant","content":"a"},"done":false}\n')
        setImmediate(() => response.destroy())
        return undefined
      }),
      await server(),
    ]
    const gate = await gateBefore(models)
    const text = await (await chat(gate, { stream: true })).text()
    expect(text).toContain('The model server failed.')
    expect(models[1]?.posts.length).toBe(0)
    for (const [status, told] of [
      [400, 400],
      [500, 502],
    ] as const) {
      const refusing = [await server(fails(status)), await server()]
      const strict = await gateBefore(refusing)
      expect((await chat(strict)).status).toBe(told)
      expect(refusing[1]?.posts.length).toBe(0)
      expect((await (await fetch(`${strict.admin}/readyz`)).json()) as object).toMatchObject({
        upstreams: [{ up: true }, { up: true }],
      })
    }
  })

  it('and hangs is left alone once it has done so', async () => {
    const models = [
      await server((seen, response) => (seen.method === 'GET' ? likeOllama(seen, response) : undefined)),
      await server(),
    ]
    const gate = await gateBefore(models, { more: 'timeouts: { firstByte: 100ms }\n' })
    expect((await chat(gate, { stream: true })).status).toBe(504)
    expect((await chat(gate, { stream: true })).status).toBe(200)
    expect(models.map(({ posts }) => posts.length)).toEqual([1, 1])
  })

  it('by streaming what was not to be streamed is not believed', async () => {
    const model = await server((seen, response) =>
      seen.method === 'GET' ? likeOllama(seen, response) : play('v1-messages-stream', response),
    )
    const gate = await gateBefore([model])
    const response = await gate.post('/v1/messages', { ...body, max_tokens: 9 })
    expect([response.status, response.headers.get('x-torwart-code')]).toEqual([502, 'upstream_failed'])
  })

  it('like all the others is told once, with the last one’s failure', async () => {
    const models = [await server(fails(502)), await server(fails(503))]
    const gate = await gateBefore(models)
    expect((await chat(gate)).status).toBeGreaterThanOrEqual(502)
    expect(models.map(({ posts }) => posts.length)).toEqual([1, 1])
    expect(gate.requests()).toHaveLength(1)
  })
})

describe('a model server among others', () => {
  const metric = async (gate: RunningGate, name: string) =>
    [...(await (await fetch(`${gate.admin}/metrics`)).text()).matchAll(/^(torwart_\w+)\{(.*)\} (\d+)$/gm)]
      .filter(([, each]) => each === name)
      .map(([, , labels, value]) => `${labels} ${value}`)

  it('that answers 500 at once is no black hole', async () => {
    const slow: Script = async (seen, response) => {
      if (seen.method === 'POST') await new Promise((resolve) => setTimeout(resolve, 30))
      return likeOllama(seen, response)
    }
    const gate = await gateBefore([await server(fails(500)), await server(slow)])
    expect(await metric(gate, 'torwart_upstream_ejected')).toEqual([
      'upstream="local" 0',
      'upstream="more0" 0',
    ])
    const statuses: number[] = []
    const worker = async () => {
      while (statuses.length < 200) statuses.push((await chat(gate)).status)
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    expect(statuses.filter((status) => status !== 200).length).toBeLessThanOrEqual(12)
    expect(await metric(gate, 'torwart_upstream_ejected')).toEqual([
      'upstream="local" 1',
      'upstream="more0" 0',
    ])
    expect(gate.logged()).toContain('model server ejected: it fails while others do not')
  })

  it('is not left alone for an answer that the gate will not read', async () => {
    const deep = `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`
    const message = `{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":${deep}}}]}`
    const model = await server((seen, response) => {
      if (seen.method === 'GET') return likeOllama(seen, response)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(`{"model":"smollm2:135m","message":${message},"done":true,"done_reason":"stop"}`)
      return undefined
    })
    const gate = await gateBefore([model, await server()])
    expect((await chat(gate)).status).toBe(502)
    expect(await metric(gate, 'torwart_upstream_up')).toEqual(['upstream="local" 1', 'upstream="more0" 1'])
    expect(await metric(gate, 'torwart_upstream_ejected')).toEqual([
      'upstream="local" 0',
      'upstream="more0" 0',
    ])
  })
})

describe('a server that has no room', () => {
  it('lets the next request wait, and the one after that go', async () => {
    const waiting: (() => void)[] = []
    const model = await server(async (seen, response) => {
      if (seen.method === 'GET') return likeOllama(seen, response)
      await new Promise<void>((resolve) => waiting.push(resolve))
      return play('chat-whole', response)
    })
    const gate = await gateBefore([model], {
      upstreamMore: 'concurrent: 1',
      more: 'queue: { size: 1, wait: 60s }\n',
    })
    const running = chat(gate)
    await until(() => waiting.length === 1)
    const queued = chat(gate)
    const depth = async () =>
      /torwart_queue_depth (\d+)/.exec(await (await fetch(`${gate.admin}/metrics`)).text())?.[1]
    await until(async () => (await depth()) === '1')
    const turnedAway = await chat(gate)
    expect([turnedAway.status, turnedAway.headers.get('x-torwart-code')]).toEqual([503, 'queue_full'])
    expect(turnedAway.headers.get('retry-after')).toBe('1')
    waiting.shift()?.()
    expect((await running).status).toBe(200)
    await until(() => waiting.length === 1)
    waiting.shift()?.()
    expect((await queued).status).toBe(200)
    const queuedMs = gate.requests().map(({ timing }) => (timing as { queuedMs: number }).queuedMs)
    expect(queuedMs.toSorted((a, b) => a - b).at(-1)).toBeGreaterThan(0)
  })

  it('is not waited for longer than the policy says', async () => {
    const model = await server((seen, response) =>
      seen.method === 'GET' ? likeOllama(seen, response) : undefined,
    )
    const gate = await gateBefore([model], {
      upstreamMore: 'concurrent: 1',
      more: 'queue: { size: 5, wait: 50ms }\n',
    })
    const leave = new AbortController()
    const running = fetch(`${gate.data}/api/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gate.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: leave.signal,
    }).catch(() => undefined)
    await until(() => model.posts.length === 1)
    expect((await chat(gate)).headers.get('x-torwart-code')).toBe('queue_full')
    leave.abort()
    await running
  })
})

describe('a model', () => {
  const far = { name: 'far:latest', model: 'far:latest', remote_host: 'https://ollama.com', digest: 'x' }
  const withFar: Script = (seen, response) => {
    if (seen.url !== '/api/tags') return likeOllama(seen, response)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ models: [far, { name: 'smollm2:135m', digest: 'abc' }] }))
    return undefined
  }
  const role = '    routes: [chat, models]\n    models: ["*", "smollm2:*"]\n'

  it('on another host is neither listed nor served', async () => {
    const model = await server(withFar)
    const gate = await gateBefore([model], { role })
    for (const name of ['far', 'FAR:latest', 'library/far', 'far:local'])
      expect((await chat(gate, { model: name })).status).toBe(404)
    expect(model.posts.length).toBe(0)
    expect(await (await gate.get('/api/tags')).text()).not.toContain('far')
    expect((await chat(gate)).status).toBe(200)
    expect(gate.requests().at(-1)?.model).toMatchObject({ digest: 'abc' })
  })

  it('of an Ollama and one of a LocalAI go where they are, and the lists show both', async () => {
    const models = [await server(), await server(likeLocalai)]
    const gate = await startGate({
      upstream: models[0]?.url ?? '',
      furtherUpstreams: [`{ name: second, url: "${models[1]?.url}", kind: localai }`],
      role: '    routes: [chat, models, rerank]\n    models: ["smollm2:*", "mock-*"]\n    limits: { requestsPerMinute: 100 }\n',
    })
    closers.push(gate.close)
    expect((await chat(gate)).status).toBe(200)
    expect((await chat(gate, { model: 'mock-chat' })).status).toBe(200)
    expect(models.map(({ posts }) => posts.length)).toEqual([1, 1])
    expect((await gate.post('/v1/rerank', { model: 'smollm2:135m', query: 'a', documents: [] })).status).toBe(
      404,
    )
    const { data } = (await (await gate.get('/v1/models')).json()) as { data: { id: string }[] }
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(['smollm2:135m', 'mock-chat']))
  })
})
