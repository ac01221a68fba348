/** Several gateways on one Redis, and what callers see when that is away. */
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { hasRedis, type RedisServer, startRedis } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

interface Fleet {
  readonly redis: RedisServer
  readonly model: ModelServer
  readonly gates: readonly RunningGate[]
  /** Of a key that all gates know. */
  readonly authorization: string
}

async function start(count: number, limits: string, store = 'timeout: 5s'): Promise<Fleet> {
  const redis = await startRedis()
  open.push({ close: () => redis.stop() })
  const model = await startModelServer()
  open.push(model)
  const { id, key } = mintKey()
  const role = `    routes: [chat, models]\n    models: ["smollm2:*"]\n    limits: { ${limits} }\n    caps: { outputTokens: 100 }`
  const gates: RunningGate[] = []
  for (let index = 0; index < count; index++) {
    const gate = await startGate({
      upstream: model.url,
      role,
      keys: [entryOf(key, id)],
      more: `store: { redis: "${redis.url}", ${store} }\n`,
    })
    open.push(gate)
    gates.push(gate)
  }
  return { redis, model, gates, authorization: `Bearer ${key}` }
}
const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
async function ask({ authorization }: Fleet, gate: RunningGate | undefined) {
  const response = await gate?.post('/api/chat', chat, { authorization })
  await response?.arrayBuffer()
  return {
    status: response?.status,
    code: response?.headers.get('x-torwart-code'),
    headers: response?.headers,
  }
}

describe.skipIf(!hasRedis)('gateways on one Redis', () => {
  it.each([2, 4])('let exactly so many requests in (%i gateways)', async (count) => {
    const fleet = await start(count, 'requestsPerMinute: 40')
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => ask(fleet, fleet.gates[index % count])),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(40)
    expect(answers.filter(({ code }) => code === 'rate_limited')).toHaveLength(260)
    expect(fleet.model.posts.filter(({ url }) => url === '/api/chat')).toHaveLength(40)
  })

  it('each hold one connection for commands and one for messages, whatever they keep there', async () => {
    const redis = await startRedis()
    open.push({ close: () => redis.stop() })
    const model = await startModelServer()
    open.push(model)
    const more = `store: { redis: "${redis.url}", timeout: 5s }\nkeys: { file: keys.yaml, redis: true }\n`
    for (let index = 0; index < 2; index++) open.push(await startGate({ upstream: model.url, more }))
    const client = new Redis(redis.url)
    open.push({ close: async () => client.disconnect() })
    const others = async () => {
      const text = String(await client.client('LIST'))
      const lines = text
        .trim()
        .split('\n')
        .filter((line) => !line.includes('cmd=client'))
      return [lines.length, lines.filter((line) => line.includes(' sub=3 ')).length]
    }
    await until(async () => (await others())[1] === 2)
    expect(await others()).toEqual([4, 2])
  })

  it('give out exactly so many slots and tokens', async () => {
    const fleet = await start(
      2,
      'requestsPerMinute: unlimited, concurrent: 3, waiting: 0, tokensPerMinute: 100000',
    )
    const waiting = holdPosts(fleet.model)
    const codes: unknown[] = []
    const asked = Array.from({ length: 60 }, async (_, index) => {
      const answer = await ask(fleet, fleet.gates[index % 2])
      codes.push(answer.code)
      return answer
    })
    await until(() => waiting.length === 3 && codes.length === 57)
    expect(new Set(codes)).toEqual(new Set(['too_many_concurrent']))
    for (const go of waiting) go()
    const answers = await Promise.all(asked)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
  })

  it('let a request wait for a slot that another gateway has', async () => {
    const fleet = await start(2, 'requestsPerMinute: 2, concurrent: 1')
    const waiting = holdPosts(fleet.model)
    const first = ask(fleet, fleet.gates[0])
    await until(() => waiting.length === 1)
    const second = ask(fleet, fleet.gates[1])
    waiting[0]?.()
    await until(() => waiting.length === 2)
    waiting[1]?.()
    expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200])
    expect(await ask(fleet, fleet.gates[0])).toMatchObject({ code: 'rate_limited' })
  })

  it('give back what was counted of a request that was not let through', async () => {
    const fleet = await start(2, 'requestsPerMinute: 2, concurrent: 1, waiting: 0')
    const waiting = holdPosts(fleet.model)
    const first = ask(fleet, fleet.gates[0])
    await until(() => waiting.length === 1)
    expect(await ask(fleet, fleet.gates[1])).toMatchObject({ code: 'too_many_concurrent' })
    waiting[0]?.()
    expect((await first).status).toBe(200)
    fleet.model.script = likeOllama
    // The other gateway gives its slot back a moment after the answer.
    await until(async () => (await ask(fleet, fleet.gates[1])).status === 200)
    expect((await ask(fleet, fleet.gates[0])).code).toBe('rate_limited')
  })

  it('count one key’s repetitions together', async () => {
    const fleet = await start(2, 'requestsPerMinute: 100, repetition: { same: 4, window: 10m }')
    const codes: unknown[] = []
    for (let index = 0; index < 6; index++) codes.push((await ask(fleet, fleet.gates[index % 2])).code)
    expect(codes).toEqual([null, null, null, null, 'repetition', 'repetition'])
  })
})

describe.skipIf(!hasRedis)('while Redis is away', () => {
  it('requests are refused and recorded, and pass again when it is back', async () => {
    const fleet = await start(1, 'requestsPerMinute: unlimited, concurrent: 100', 'timeout: 250ms')
    const [gate] = fleet.gates
    await until(async () => (await ask(fleet, gate)).status === 200)
    fleet.redis.process.kill('SIGSTOP')
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(fleet, gate)))
    for (const { status, code, headers } of answers) {
      expect([status, code]).toEqual([503, 'store_unavailable'])
      expect(Number(headers?.get('retry-after'))).toBeGreaterThan(0)
    }
    const ready = await fetch(`${gate?.admin}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({ store: { kind: 'redis', up: false } })
    fleet.redis.process.kill('SIGCONT')
    await until(async () => (await ask(fleet, gate)).status === 200)
    const refused = gate
      ?.requests()
      .filter(({ ending }) => (ending as { code: string }).code === 'store_unavailable')
    expect(refused?.length).toBeGreaterThanOrEqual(50)
    expect(await (await fetch(`${gate?.admin}/metrics`)).text()).toContain('torwart_store_up 1')
    expect(gate?.logged()).toMatch(/redis is away.*redis answers/s)
  })

  it('each gateway counts for itself, if the policy says so, and says so', async () => {
    const fleet = await start(2, 'requestsPerMinute: 3', 'timeout: 250ms, onFailure: local')
    expect((await ask(fleet, fleet.gates[0])).headers?.get('x-torwart-limits')).toBeNull()
    fleet.redis.process.kill('SIGSTOP')
    for (const gate of fleet.gates) {
      const answers: Awaited<ReturnType<typeof ask>>[] = []
      for (let index = 0; index < 5; index++) answers.push(await ask(fleet, gate))
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429])
      for (const { headers } of answers) expect(headers?.get('x-torwart-limits')).toBe('local')
      const ready = await fetch(`${gate.admin}/readyz`)
      expect(ready.status).toBe(200)
      expect(await ready.json()).toMatchObject({ store: { up: false, mode: 'local' } })
      expect(await (await fetch(`${gate.admin}/metrics`)).text()).toMatch(/store_fallbacks_total [1-9]/)
      expect(gate.logged()).toContain('counted in this gateway alone')
    }
    fleet.redis.process.kill('SIGCONT')
    await until(async () => {
      const { headers } = await ask(fleet, fleet.gates[0])
      return headers?.get('x-torwart-limits') === null
    })
  })

  it('a gateway starts all the same, and refuses until there is one', async () => {
    const model = await startModelServer()
    open.push(model)
    const gate = await startGate({ upstream: model.url, more: 'store: { redis: "redis://127.0.0.1:1" }\n' })
    open.push(gate)
    const response = await gate.post('/api/chat', chat)
    expect([response.status, response.headers.get('x-torwart-code')]).toEqual([503, 'store_unavailable'])
    expect((await fetch(`${gate.admin}/livez`)).status).toBe(200)
  })
})
