/** The console of a gateway with workers: the primary serves it, and knows what all of them do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStream, send, signIn } from '../rig/console.ts'
import { startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'
import { adminToken, type RunningWorkers, startWorkers } from '../rig/workers.ts'

const open: { close(): Promise<void> | void }[] = []
let gate: RunningWorkers
beforeAll(async () => {
  const model = await startModelServer()
  gate = await startWorkers({ upstream: model.url })
  open.push(model, gate)
}, 60_000)
afterAll(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

describe('the console of several workers', () => {
  it('shows the requests of all of them, before and while it watches', async () => {
    const chains = (rows: readonly Record<string, unknown>[]) => new Set(rows.map(({ chain }) => chain))
    const chat = async () => void (await gate.chat())
    // Which worker serves a connection is up to the system.
    await until(async () => {
      await chat()
      return chains(gate.records().filter(({ event }) => event === undefined)).size === 2
    })
    const { cookie } = await signIn(gate.admin, { token: adminToken })
    const stream = await openStream(gate.admin, '/admin/v1/live', { cookie })
    open.push(stream)
    const hello = await until(() => stream.events.find(({ event }) => event === 'hello'))
    expect([...chains(hello.data.recent as Record<string, unknown>[])].toSorted()).toEqual(['w1', 'w2'])
    const rows = () => stream.events.filter(({ event }) => event === 'request').map(({ data }) => data)
    await until(async () => {
      await chat()
      return chains(rows()).size === 2
    })
    const ids = [...(hello.data.recent as Record<string, unknown>[]), ...rows()].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('tells how many of them serve', async () => {
    const headers = { authorization: `Bearer ${adminToken}` }
    const answer = await send(gate.admin, '/admin/v1/status', { headers })
    expect(answer.json()).toMatchObject({
      workers: { wanted: 2, ready: 2 },
      requests: { inflight: 0, queued: 0 },
    })
  })
})
