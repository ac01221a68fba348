/** Requests that are counted together with their reservation, in one round trip, and refused as if they had been before. */
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { rawRequest, sendRaw } from '../rig/raw.ts'
import { hasRedis, startRedis } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

interface Fleet {
  readonly redis: Redis
  readonly model: ModelServer
  readonly gates: readonly [RunningGate, RunningGate]
  readonly authorization: string
}

/** Two gateways on one Redis. */
async function start(limits: string): Promise<Fleet> {
  const server = await startRedis()
  open.push({ close: () => server.stop() })
  const redis = new Redis(server.url)
  open.push({ close: async () => redis.disconnect() })
  const model = await startModelServer()
  open.push(model)
  const { id, key } = mintKey()
  const startOne = async () => {
    const gate = await startGate({
      upstream: model.url,
      role: `    routes: [chat]\n    models: ["smollm2:*"]\n    limits: { ${limits} }`,
      keys: [entryOf(key, id)],
      more: `store: { redis: "${server.url}", timeout: 5s }\n`,
    })
    open.push(gate)
    return gate
  }
  return { redis, model, gates: [await startOne(), await startOne()], authorization: `Bearer ${key}` }
}

const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
const asked = ({ model }: Fleet) => model.posts.filter(({ url }) => url === '/api/chat').length

async function post({ authorization }: Fleet, gate: RunningGate, body: object | string = chat) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { authorization, 'content-type': 'application/json' }
  const response = await fetch(`${gate.data}/api/chat`, { method: 'POST', headers, body: text })
  await response.arrayBuffer()
  const header = (name: string) => response.headers.get(name)
  return {
    status: response.status,
    code: header('x-torwart-code'),
    limit: header('x-ratelimit-limit-requests'),
    remaining: header('x-ratelimit-remaining-requests'),
    hasWait: Number(header('retry-after')) > 0,
  }
}

/** Sends the head of a request, whose body never comes. */
function postHead({ authorization }: Fleet, gate: RunningGate) {
  const head = rawRequest('POST /api/chat HTTP/1.1', [
    `Authorization: ${authorization}`,
    'Content-Type: application/json',
    'Content-Length: 100',
  ])
  return sendRaw(gate.data, head)
}

async function scripts({ redis }: Fleet): Promise<number> {
  const stats = await redis.info('commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}

describe.skipIf(!hasRedis)('a request with room', () => {
  it('is counted and reserved in one script before it is forwarded', async () => {
    const fleet = await start('requestsPerMinute: 100, tokensPerMinute: 1000000, concurrent: 4')
    const [gate] = fleet.gates
    expect((await post(fleet, gate)).status).toBe(200)
    // Its caller was not known: admitted, reserved, settled.
    await until(async () => (await fleet.redis.keys('*:held:*')).length === 0)
    const before = await scripts(fleet)
    const waiting = holdPosts(fleet.model)
    const second = post(fleet, gate)
    await until(() => waiting.length === 1)
    expect(await scripts(fleet)).toBe(before + 1)
    waiting[0]?.()
    expect(await second).toMatchObject({ status: 200, limit: '100', remaining: '98' })
  })

  it('and an unreadable body is counted, told what is left, and counted no more', async () => {
    const fleet = await start('requestsPerMinute: 10')
    const [gate] = fleet.gates
    await post(fleet, gate)
    for (let times = 0; times < 3; times++) {
      const refused = await post(fleet, gate, '{')
      expect(refused).toMatchObject({ status: 400, code: 'invalid_request', limit: '10', remaining: '8' })
      await until(async () => (await fleet.redis.hgetall(await hashOf(fleet)))['r.sum'] === '1')
    }
    expect(await post(fleet, gate)).toMatchObject({ status: 200, remaining: '8' })
    expect(gate.requests()).toHaveLength(5)
  })

  it('waits in line where others of its key wait for a slot', async () => {
    const fleet = await start('requestsPerMinute: 10, concurrent: 1')
    const [gate] = fleet.gates
    await post(fleet, gate)
    const waiting = holdPosts(fleet.model)
    const before = asked(fleet)
    const all = [post(fleet, gate)]
    for (const size of [1, 2]) {
      await until(async () => (await fleet.redis.hgetall(await hashOf(fleet)))['r.sum'] === String(1 + size))
      all.push(post(fleet, gate))
    }
    for (const size of [1, 2, 3]) {
      await until(() => asked(fleet) === before + size && waiting.length === size)
      waiting[size - 1]?.()
    }
    expect((await Promise.all(all)).map(({ remaining }) => remaining)).toEqual(['8', '7', '6'])
  })
})

/** The one account that there is. */
async function hashOf({ redis }: Fleet): Promise<string> {
  const keys = await redis.keys('*:use:key:*')
  return keys.find((each) => !each.endsWith(':steps')) ?? ''
}

describe.skipIf(!hasRedis)('a request over a limit that another gateway has used up', () => {
  const unknown = { ...chat, model: 'unknown' }
  it.each([
    ['a sound body', chat],
    ['a body that is no JSON', '{'],
    ['an ambiguous body', '{"model":"a","model":"b"}'],
    ['a model that it may not use', unknown],
  ])('is refused for the limit, with %s', async (_, body) => {
    const fleet = await start('requestsPerMinute: 4, tokensPerMinute: 1000000, concurrent: 4')
    const [gate, other] = fleet.gates
    expect((await post(fleet, gate)).remaining).toBe('3')
    for (const remaining of ['2', '1', '0']) expect((await post(fleet, other)).remaining).toBe(remaining)
    const atOnce = await post(fleet, other, body)
    expect(atOnce).toEqual({ status: 429, code: 'rate_limited', limit: '4', remaining: '0', hasWait: true })
    // It expected that there was room, and has read the body.
    expect(await post(fleet, gate, body)).toEqual(atOnce)
    expect(asked(fleet)).toBe(4)
    // And knows better now.
    expect(await postHead(fleet, gate)).toMatchObject({
      status: 429,
      text: expect.stringContaining('x-torwart-code: rate_limited'),
    })
    expect(gate.requests().map(({ ending }) => ending)).toMatchObject([
      { kind: 'answered' },
      { kind: 'refused', code: 'rate_limited' },
      { kind: 'refused', code: 'rate_limited' },
    ])
  })

  it('is refused for a breaker that another gateway has opened', async () => {
    const fleet = await start('requestsPerMinute: 100, actionsPerMinute: 3, concurrent: 4')
    const [gate, other] = fleet.gates
    await post(fleet, gate)
    for (let times = 0; times < 2; times++) expect((await post(fleet, other)).status).toBe(200)
    expect((await post(fleet, other)).code).toBe('breaker_open')
    for (const body of [chat, '{']) expect((await post(fleet, gate, body)).code).toBe('breaker_open')
    expect(asked(fleet)).toBe(3)
  })
})
