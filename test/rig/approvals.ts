/** Stores of approvals for tests: in memory with a file, and in a real Redis; each as two gateways would open it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { ApprovalRequest } from '../../src/approvals/approval.ts'
import { createMemoryApprovals } from '../../src/approvals/memory.ts'
import { createRedisApprovals } from '../../src/approvals/redis.ts'
import type { ApprovalStore } from '../../src/approvals/store.ts'
import { createRedisClient } from '../../src/redis/client.ts'
import { stillClock } from './clock.ts'
import { hasRedis, startRedis } from './redis.ts'
import { serversAt } from './stores.ts'

export interface ApprovalWorld {
  readonly store: ApprovalStore
  /** Another gateway's; of one gateway there is no other, and it is the same. */
  readonly second: ApprovalStore
  /** Makes everything that waits or was decided be over. */
  age(): Promise<void>
  close(): Promise<void>
}

export const wish: ApprovalRequest = {
  identity: { kind: 'key', id: 'agent1', name: 'an agent', role: 'agent' },
  holder: 'agent1',
  request: 'request1',
  tool: 'transfer_eu',
  arguments: { amount: 5, to: 'DE89' },
  model: 'qwen3:8b',
  policy: 'abcdef012345',
}

async function memoryWorld(): Promise<ApprovalWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-approvals-'))
  const clock = stillClock(1_900_000_000_000)
  const store = createMemoryApprovals(join(folder, 'approvals.json'), clock)
  return {
    store,
    second: store,
    age: async () => clock.advance(3_600_000),
    close: async () => rmSync(folder, { recursive: true }),
  }
}

async function redisWorld(): Promise<ApprovalWorld> {
  const server = await startRedis()
  const clients = [1, 2].map(() => createRedisClient(serversAt(server.url), 1000))
  for (const client of clients) await client.opened(5000)
  const [store, second] = clients.map(createRedisApprovals)
  if (!store || !second) throw new Error('there is a store missing')
  const direct = new Redis(server.url)
  return {
    store,
    second,
    // Its clock cannot be moved, so their times are.
    async age() {
      const key = '{test}:approvals'
      for (const [digest, text] of Object.entries(await direct.hgetall(key)))
        await direct.hset(key, digest, JSON.stringify({ ...JSON.parse(text), until: 1 }))
    },
    async close() {
      for (const client of clients) await client.close()
      direct.disconnect()
      await server.stop()
    },
  }
}

/** Name, whether it can be had here, how it is made. */
export const approvalWorlds: readonly (readonly [string, boolean, () => Promise<ApprovalWorld>])[] = [
  ['memory', true, memoryWorld],
  ['redis', hasRedis, redisWorld],
]
