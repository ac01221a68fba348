/** What is left of limits, over the admin API. */
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const role = `    routes: [chat]
    models: ["smollm2:*"]
    limits: { requestsPerMinute: 7, tokensPerDay: 100000, concurrent: 2, actionsPerMinute: 1 }
    caps: { outputTokens: 100 }
    shared: { requestsPerMinute: 20 }
`

async function start(): Promise<{ model: ModelServer; gate: RunningGate }> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, role, more: 'limits: { requestsPerMinute: 50 }' })
  open.push(model, gate)
  return { model, gate }
}

interface Row {
  readonly scope: string
  readonly id: string
  readonly limits: readonly {
    kind: string
    limit: number
    used: number
    remaining: number
    resetsAt: string | null
  }[]
  readonly concurrent: { limit: number | null; used: number }
  readonly breaker: string | null
}

const rowsOf = async (gate: RunningGate) =>
  ((await (await fetch(`${gate.admin}/admin/v1/limits`)).json()) as { rows: Row[] }).rows

const body = { model: 'smollm2:135m', messages: [{ role: 'user', content: 'Bulbs?' }], stream: false }

describe('GET /admin/v1/limits', () => {
  it('tells what everybody, a role and a key have used and may still use', async () => {
    const { model, gate } = await start()
    const waiting = holdPosts(model)
    const asked = [gate.post('/api/chat', body)]
    await until(() => waiting.length === 1)
    const keyRow = async () => (await rowsOf(gate)).find(({ scope }) => scope === 'key')
    // That it was used is written to disk now and then.
    await until(async () => (await keyRow()) !== undefined)
    const row = await keyRow()
    expect(row).toMatchObject({ id: gate.keyId, concurrent: { limit: 2, used: 1 }, breaker: 'closed' })
    expect(row?.limits[0]).toMatchObject({ kind: 'requestsPerMinute', limit: 7, used: 1, remaining: 6 })
    const tokens = row?.limits.find(({ kind }) => kind === 'tokensPerDay')
    expect(tokens?.used).toBeGreaterThanOrEqual(100)
    expect(Date.parse(row?.limits[0]?.resetsAt ?? '')).toBeGreaterThan(Date.now())
    const rows = await rowsOf(gate)
    expect(rows.map(({ scope, id }) => `${scope} ${id}`)).toEqual(['all ', 'role agent', `key ${gate.keyId}`])
    expect(rows[0]?.limits[0]).toMatchObject({ limit: 50, used: 1, remaining: 49 })
    for (const letGo of waiting) letGo()
    for (const each of await Promise.all(asked)) await each.text()
    await until(async () => (await keyRow())?.concurrent.used === 0)
  })

  it('counts nothing, however often it is asked', async () => {
    const { gate } = await start()
    await (await gate.post('/api/chat', body)).text()
    const all = async () => (await rowsOf(gate))[0]?.limits[0]
    const first = await all()
    for (let left = 20; left > 0; left--) expect((await all())?.used).toBe(first?.used)
    expect(first?.used).toBe(1)
  })
})
