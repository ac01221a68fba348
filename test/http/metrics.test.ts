/** What Prometheus, and its own linter, make of the metrics. */
import { execFileSync, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined

let model: ModelServer
let gate: RunningGate
let text = ''
beforeAll(async () => {
  model = await startModelServer(likeOllama)
  gate = await startGate({ upstream: model.url })
  const messages = [{ role: 'user', content: 'hi' }]
  const ask = async (path: string, body: object) => (await gate.post(path, body)).arrayBuffer()
  await ask('/api/chat', { model: 'smollm2:135m', messages })
  await ask('/api/chat', { model: 'smollm2:135m', messages })
  await ask('/v1/chat/completions', { model: 'smollm2:135m', messages })
  await ask('/api/embed', { model: 'all-minilm', input: 'a' })
  await ask('/api/chat', { model: 'nope', messages })
  await ask('/api/show', { model: 'smollm2:135m' })
  text = await (await fetch(`${gate.admin}/metrics`)).text()
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const count = (name: string, labels: string) =>
  Number(new RegExp(`^${name}_count\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)

describe('the metrics', () => {
  it.skipIf(!hasPromtool)('are clean for `promtool check metrics`', () => {
    expect(() => execFileSync('promtool', ['check', 'metrics'], { input: text, stdio: 'pipe' })).not.toThrow()
  })

  it('tell the time to the first token of streams, and of nothing else', () => {
    const first = 'torwart_time_to_first_token_seconds'
    expect(count(first, 'route="/api/chat",model="smollm2:135m"')).toBe(2)
    expect(text.match(new RegExp(`^${first}_count`, 'gm'))).toHaveLength(1)
  })

  it('tell routes and models apart where they tell how long something took', () => {
    for (const name of ['torwart_request_duration_seconds', 'torwart_upstream_duration_seconds']) {
      expect(count(name, 'route="/api/chat",model="smollm2:135m"')).toBe(2)
      expect(count(name, 'route="/v1/chat/completions",model="smollm2:135m"')).toBe(1)
      expect(count(name, 'route="/api/embed",model="all-minilm"')).toBe(1)
    }
  })

  it('have no label that the collector gives, and none that grows', () => {
    expect(text).not.toMatch(/[{,](?:instance|job|hash)="/)
    expect(text).toMatch(/^torwart_tls_certificate_expiry_timestamp_seconds 0$/m)
  })
})
