/** Real nginx and Caddy with their default settings in front of the gateway: streams pass piece by piece. */
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { messages, name } from '../rig/clients.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { type FrontProxy, proxyKinds, startProxy } from '../rig/proxies.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    more: `timeouts: { keepAlive: 200ms }
door: { proxies: [127.0.0.1] }
passthrough: [{ prefix: /server, upstream: local, stripPrefix: true, roles: [agent] }]
`,
  })
  // The first request of a process takes longer than these proxies wait, on a busy machine.
  await gate.post('/v1/chat/completions', { model: name, messages })
})
afterAll(async () => {
  await gate?.close()
  await model?.close()
})

const chunk = (text: string) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: name, choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`

describe.each(proxyKinds)('%s in front', (kind) => {
  let proxy: FrontProxy
  beforeAll(async () => {
    // Its patience is a minute by default; two seconds here, so that silences of three are long.
    proxy = await startProxy(kind, gate.data, 'proxy_read_timeout 2s;')
  })
  afterAll(() => proxy?.close())

  const streamed = (path: string, headers: Record<string, string> = {}) =>
    fetch(proxy.url + path, {
      headers: { authorization: `Bearer ${gate.key}`, 'content-type': 'application/json', ...headers },
      ...(path.startsWith('/server')
        ? {}
        : { method: 'POST', body: JSON.stringify({ model: name, messages, stream: true }) }),
    })

  it.each(['/v1/chat/completions', '/server/events'])('streams of %s arrive piece by piece', async (path) => {
    let send = (_text: string) => {}
    let end = () => {}
    model.script = (seen, response) => {
      if (seen.url !== path.replace('/server', '')) return likeOllama(seen, response)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      send = (text) => void response.write(chunk(text))
      end = () => void response.end('data: [DONE]\n\n')
      send('first-piece ')
      return undefined
    }
    const answer = await streamed(path)
    const decoder = new TextDecoder()
    const reader = answer.body?.getReader()
    let heard = ''
    const hears = async (text: string) => {
      while (!heard.includes(text)) {
        const { value, done } = (await reader?.read()) ?? { done: true }
        if (done) throw new Error(`the stream has ended: ${heard}`)
        heard += decoder.decode(value, { stream: true })
      }
    }
    // Each is only sent once the one before has arrived.
    await hears('first-piece')
    send('second-piece ')
    await hears('second-piece')
    end()
    await hears('[DONE]')
  })

  it('a silent model is waited for longer than the proxy waits for a byte', async () => {
    const silentMs = 3000
    let asked = 0
    model.script = async (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      asked = performance.now()
      const silence = (untilMs: number) => until(() => performance.now() - asked > untilMs)
      // Before it says anything at all, and in the middle.
      await silence(silentMs)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunk('Red '))
      await silence(2 * silentMs)
      response.end(`${chunk('and blue.')}data: [DONE]\n\n`)
      return undefined
    }
    const client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: gate.key, maxRetries: 0 })
    let text = ''
    for await (const { choices } of await client.chat.completions.create({
      model: name,
      messages,
      stream: true,
    }))
      text += choices[0]?.delta.content ?? ''
    expect(text).toBe('Red and blue.')
    expect(performance.now() - asked).toBeGreaterThan(2 * silentMs)
  })

  it('a client that leaves stops the model', async () => {
    model.script = (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunk('first-piece '))
      return undefined
    }
    const leaving = new AbortController()
    const answer = await fetch(`${proxy.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gate.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: name, messages, stream: true }),
      signal: leaving.signal,
    })
    await answer.body?.getReader().read()
    const { left } = model.posts.at(-1) ?? {}
    leaving.abort()
    await left
  })
})
