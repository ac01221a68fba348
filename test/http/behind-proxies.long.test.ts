/** Ninety seconds of silence behind nginx and Caddy as they come: longer than the minute for which nginx waits. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { messages, name } from '../rig/clients.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { proxyKinds, startProxy } from '../rig/proxies.ts'

const silentMs = 90_000

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer((seen, response) => {
    if (seen.method !== 'POST') return likeOllama(seen, response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"index":0,"delta":{"content":"Red "}}]}\n\n')
    setTimeout(
      () =>
        response.end('data: {"choices":[{"index":0,"delta":{"content":"and blue."}}]}\n\ndata: [DONE]\n\n'),
      silentMs,
    )
    return undefined
  })
  gate = await startGate({ upstream: model.url })
})
afterAll(async () => {
  await gate?.close()
  await model?.close()
})

it('a stream survives ninety seconds in which the model says nothing', {
  timeout: silentMs * 2,
}, async () => {
  const proxies = await Promise.all(proxyKinds.map((kind) => startProxy(kind, gate.data)))
  try {
    const texts = await Promise.all(
      proxies.map(async ({ url }) => {
        const answer = await fetch(`${url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${gate.key}`, 'content-type': 'application/json' },
          body: JSON.stringify({ model: name, messages, stream: true }),
        })
        return answer.text()
      }),
    )
    for (const text of texts) {
      expect(text).toContain('and blue.')
      expect(text).toContain('[DONE]')
      // One every fifteen seconds.
      expect(text.match(/^: /gm)?.length).toBeGreaterThanOrEqual(5)
    }
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()))
  }
})
