/** A gateway that takes over from one that runs: what is known goes on, what runs ends in order, and a failure undoes itself. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyChains } from '../../src/audit/verify/verify-chains.ts'
import type { GateSettings } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { type Fails, startUpgradable, type Upgradable } from '../rig/upgrades.ts'
import { until } from '../rig/wait.ts'

const token = 'a-token-for-the-tests'
let model: ModelServer
let world: Upgradable | undefined
beforeEach(async () => {
  model = await startModelServer()
})
afterEach(async () => {
  model.script = likeOllama
  await world?.close()
  world = undefined
  await model.close()
})

async function start(role: string, more = ''): Promise<Upgradable> {
  const settings: GateSettings = {
    upstream: model.url,
    role: `    routes: [chat]\n    models: ["smollm2:*"]\n    ${role}`,
    admin: `token: ${token}`,
    more,
  }
  world = await startUpgradable(settings)
  return world
}

const requestsIn = (upgraded: Upgradable) => upgraded.records().filter((record) => !('event' in record))
const eventsIn = (upgraded: Upgradable, name: string) =>
  upgraded.records().filter(({ event }) => event === name)

describe('an upgrade', () => {
  it('goes on with the counts of the gateway before', async () => {
    const upgraded = await start('limits: { requestsPerMinute: 3, tokensPerDay: 5000000 }')
    for (const status of [200, 200]) expect((await upgraded.post(upgraded.before)).status).toBe(status)
    const next = await upgraded.upgrade()
    for (const status of [200, 429]) expect((await upgraded.post(next)).status).toBe(status)
    // What comes on a connection that was open before is counted there, too.
    expect((await upgraded.post(upgraded.before)).status).toBe(429)
  })

  it('lets what runs finish beside what comes, with one record for each in a log that verifies', async () => {
    const upgraded = await start('limits: { concurrent: 2, waiting: 0 }')
    const waiting = holdPosts(model)
    const running = upgraded.post(upgraded.before)
    await until(() => waiting.length === 1)
    const next = await upgraded.upgrade()
    const after = upgraded.post(next)
    await until(() => waiting.length === 2)
    // Its place is held by the gateway before, so there is none left.
    expect((await upgraded.post(next)).status).toBe(429)
    waiting[1]?.()
    expect((await after).status).toBe(200)
    waiting[0]?.()
    expect((await running).status).toBe(200)
    model.script = likeOllama
    expect(
      (await Promise.all([upgraded.post(next), upgraded.post(next)])).map(({ status }) => status),
    ).toEqual([200, 200])
    await upgraded.ended()
    expect(requestsIn(upgraded).map(({ chain }) => chain)).toEqual(['', '', '', '', 'w100'])
    expect(eventsIn(upgraded, 'handed over')).toMatchObject([{ chain: '', worker: 100 }])
    expect(eventsIn(upgraded, 'gap')).toEqual([])
    expect((await verifyChains(upgraded.auditFile)).bad).toBeUndefined()
  })

  it('tends the chain of the gateway before once that has ended', async () => {
    const upgraded = await start('limits: {}')
    await upgraded.upgrade()
    await upgraded.ended()
    await until(() => eventsIn(upgraded, 'started').filter(({ chain }) => chain === 'w100').length === 2)
  })

  it.each<Fails>(['upgrade.log', 'upgrade.state', 'upgrade.clients'])(
    'that fails at %s leaves the gateway before as it was',
    async (step) => {
      const upgraded = await start('limits: { requestsPerMinute: 3 }')
      expect((await upgraded.post(upgraded.before)).status).toBe(200)
      upgraded.failAt(step)
      upgraded.before.upgrade()
      await until(() => upgraded.logged().includes('this one serves on'))
      await until(() => eventsIn(upgraded, 'upgrade failed').length === 1)
      for (const status of [200, 200, 429]) expect((await upgraded.post(upgraded.before)).status).toBe(status)
      await upgraded.ended()
      expect(requestsIn(upgraded).map(({ chain }) => chain)).toEqual(['', '', '', ''])
      expect((await verifyChains(upgraded.auditFile)).bad).toBeUndefined()
    },
  )

  it('passes a decision on to the request that waits for it in the gateway before, once', async () => {
    const upgraded = await start('tools: { approve: [pay] }', 'approval: { wait: 20s }\n')
    model.script = (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      const tool_calls = [{ function: { name: 'pay', arguments: { to: 'unknown-payee' } } }]
      const message = { role: 'assistant', content: '', tool_calls }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ model: 'smollm2:135m', message, done: true, done_reason: 'stop' }))
      return undefined
    }
    const waiting = upgraded.post(upgraded.before)
    const asked = await until(() => eventsIn(upgraded, 'approval requested')[0])
    const next = await upgraded.upgrade()
    const decided = await fetch(`${next.admin}/admin/v1/approvals/${asked.approval}/approve`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ by: 'alice' }),
    })
    expect(decided.status).toBe(200)
    expect(await (await waiting).text()).toContain('unknown-payee')
    const { approvals } = (await (
      await fetch(`${next.admin}/admin/v1/approvals`, { headers: { authorization: `Bearer ${token}` } })
    ).json()) as { approvals: unknown[] }
    expect(approvals).toEqual([])
  })

  it('is not begun twice', async () => {
    const upgraded = await start('limits: {}')
    upgraded.before.upgrade()
    upgraded.before.upgrade()
    expect(upgraded.logged()).toContain('an upgrade is under way already')
    await upgraded.before.replaced
  })
})
