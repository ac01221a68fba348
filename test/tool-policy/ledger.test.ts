/** Tool results are matched to calls that the gate let through, on any gateway; each caller's own. */
import { afterEach, describe, expect, it } from 'vitest'
import { createRedisClient } from '../../src/redis/client.ts'
import { createToolCallRegistry, maxEach } from '../../src/tool-policy/calls/registry.ts'
import { shareToolCalls } from '../../src/tool-policy/calls/shared.ts'
import { hasRedis, startRedis } from '../rig/redis.ts'
import { serversAt } from '../rig/stores.ts'
import { until } from '../rig/wait.ts'

const open: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

describe('a gateway', () => {
  const calls = () => createToolCallRegistry(undefined, () => {})

  it('knows results of calls by their ids, and by tool where there is no id', async () => {
    const ledger = calls()
    await ledger.note('a', { id: 'call_1', name: 'search' })
    await ledger.note('a', { name: 'read' })
    expect(await ledger.unknown('a', [{ call: 'call_1' }, { tool: 'search' }, { tool: 'read' }])).toBe(0)
    expect(await ledger.unknown('a', [{ call: 'call_2' }, { tool: 'write' }, { call: 'search' }])).toBe(3)
    expect(await ledger.unknown('b', [{ call: 'call_1' }])).toBe(1)
  })

  it('forgets the oldest of many', async () => {
    const ledger = calls()
    await ledger.note('a', { id: 'first', name: 't' })
    for (let index = 0; index < maxEach; index++) await ledger.note('a', { id: `${index}`, name: 't' })
    expect(await ledger.unknown('a', [{ call: 'first' }])).toBe(1)
    expect(await ledger.unknown('a', [{ call: `${maxEach - 1}` }, { tool: 't' }])).toBe(0)
    for (let index = 0; index < 256; index++) await ledger.note(`owner${index}`, { name: 't' })
    expect(await ledger.unknown('a', [{ tool: 't' }])).toBe(1)
  })
})

describe.skipIf(!hasRedis)('two gateways on one Redis', () => {
  const shared = (url: string) => {
    const redis = createRedisClient(serversAt(url), 1000)
    open.push(redis.close)
    return shareToolCalls(redis, maxEach)
  }

  it('know each other’s calls, and no more of them than they keep', async () => {
    const server = await startRedis()
    open.push(() => server.stop())
    const one = createToolCallRegistry(shared(server.url), () => {})
    const two = createToolCallRegistry(shared(server.url), () => {})
    await until(async () => (await two.unknown('a', [{ call: 'nothing' }])) === 1)
    await one.note('a', { id: 'call_1', name: 'search' })
    await until(async () => {
      await one.note('a', { id: 'call_1', name: 'search' })
      return (await two.unknown('a', [{ call: 'call_1' }, { tool: 'search' }])) === 0
    })
    expect(await two.unknown('b', [{ call: 'call_1' }])).toBe(1)
    for (let index = 0; index < maxEach; index++) await one.note('a', { id: `n${index}`, name: 'n' })
    const fresh = createToolCallRegistry(shared(server.url), () => {})
    await until(async () => (await fresh.unknown('a', [{ call: `n${maxEach - 1}` }])) === 0)
    expect(await fresh.unknown('a', [{ call: 'call_1' }])).toBe(1)
  })

  it('say nothing of a result that cannot be looked up', async () => {
    const reported: string[] = []
    const calls = createToolCallRegistry(
      shared('redis://127.0.0.1:1'),
      (problem) => void reported.push(problem),
    )
    await calls.note('a', { id: 'call_1', name: 'search' })
    expect(await calls.unknown('a', [{ call: 'call_1' }])).toBe(0)
    expect(await calls.unknown('a', [{ call: 'call_2' }])).toBeUndefined()
    expect(reported).toHaveLength(2)
  })
})
