/** The built program with two workers: what must be one for both is one, and what one of them does is not lost. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyChains } from '../../src/audit/verify/verify-chains.ts'
import { cli } from '../rig/cli.ts'
import { type GateSettings, processes } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { hasRedis, startRedis } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'
import { type RunningWorkers, startWorkers } from '../rig/workers.ts'

/** Starting three processes takes as long as it takes on a machine that other tests keep busy. */
const patientMs = 180_000

const open: { close(): Promise<void> }[] = []
afterAll(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
}, patientMs)

const roles = ['agent', 'few', 'single', 'payer', 'frozen', 'revoked', 'held'] as const
const usual = 'routes: [chat], models: ["smollm2:*"]'
const settingsFor = (model: ModelServer, more = ''): GateSettings => ({
  upstream: model.url,
  upstreamMore: 'concurrent: 6',
  role: `    { ${usual}, limits: { requestsPerMinute: unlimited } }
  few: { ${usual}, limits: { requestsPerMinute: 20 } }
  single: { ${usual}, limits: { requestsPerMinute: unlimited, concurrent: 1 } }
  payer: { ${usual}, limits: { requestsPerMinute: unlimited }, tools: { approve: [pay] } }
  frozen: { ${usual}, limits: { requestsPerMinute: unlimited } }
  revoked: { ${usual}, limits: { requestsPerMinute: unlimited } }
  held: { ${usual}, limits: { requestsPerMinute: unlimited, concurrent: 6 } }`,
  more: `approval: { wait: 0s }\nqueue: { size: 64, wait: 60s }\n${more}`,
})

async function begin(
  more = '',
): Promise<{ gate: RunningWorkers; model: ModelServer; settings: GateSettings }> {
  const model = await startModelServer()
  open.push(model)
  const settings = settingsFor(model, more)
  const gate = await startWorkers(settings, roles)
  open.push(gate)
  return { gate, model, settings }
}

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index))
const statuses = async (answers: readonly Promise<{ readonly status: number }>[]) =>
  (await Promise.all(answers)).map(({ status }) => status)
const all = (status: number, count: number) => times(count, () => status)
const requestsOf = (gate: RunningWorkers, role: string) =>
  gate.records().filter(({ identity }) => (identity as { role?: string } | undefined)?.role === role)
const eventsIn = (gate: RunningWorkers, name: string) => gate.records().filter(({ event }) => event === name)
const chainsIn = (records: readonly { readonly chain: string }[]) =>
  [...new Set(records.map(({ chain }) => chain))].toSorted()

/** One record for each request over both chains, of which no more were let in than the limit says. */
async function expectExactLimit(gate: RunningWorkers): Promise<void> {
  const found = await statuses(times(60, (index) => gate.chat('few', `r${index}`)))
  expect(found.toSorted()).toEqual([...all(200, 20), ...all(429, 40)])
  const records = requestsOf(gate, 'few')
  expect(records.map(({ id }) => id).toSorted()).toEqual(times(60, (index) => `r${index}`).toSorted())
  expect(chainsIn(records)).toEqual(['w1', 'w2'])
  expect(await verifyChains(gate.auditFile)).toMatchObject({ bad: undefined, headSeen: true })
  const shown = await cli(['audit', 'show', '--json', '--outcome', 'answered', gate.auditFile])
  expect(shown.out.trim().split('\n')).toHaveLength(20)
}

it.skipIf(!hasRedis)('limits in Redis are exact over both workers', { timeout: patientMs }, async () => {
  const redis = await startRedis()
  open.push({ close: () => redis.stop() })
  const { gate } = await begin(`store: { redis: "${redis.url}", timeout: 20s }\n`)
  await expectExactLimit(gate)
  process.kill(gate.pid, 'SIGKILL')
  // Without a primary there are no workers.
  for (const pid of gate.workers().values()) await until(() => !processes.isAlive(pid))
})

describe('two workers without Redis', { timeout: patientMs }, () => {
  let gate: RunningWorkers
  let model: ModelServer
  let settings: GateSettings
  beforeAll(async () => {
    ;({ gate, model, settings } = await begin())
  }, patientMs)

  it('count limits exactly, with one record for each request over both chains', async () => {
    await expectExactLimit(gate)
    expect((await gate.ask('GET', '/readyz')).body).toMatchObject({
      status: 'ready',
      store: { kind: 'memory', up: true },
      workers: { wanted: 2, ready: 2 },
    })
  })

  it('free a slot at both before the client has its answer', async () => {
    for (let turn = 0; turn < 12; turn++) expect((await gate.chat('single')).status).toBe(200)
    expect(chainsIn(requestsOf(gate, 'single'))).toEqual(['w1', 'w2'])
  })

  it('share the places at a model server and the queue before them', async () => {
    const waiting = holdPosts(model)
    const before = model.posts.length
    const answers = times(10, () => gate.chat())
    await until(async () => (await gate.ask('GET', '/metrics')).text.includes('torwart_queue_depth 4'))
    expect(model.posts).toHaveLength(before + 6)
    for (let served = 0; served < 10; served++) (await until(() => waiting[served]))()
    expect(await statuses(answers)).toEqual(all(200, 10))
    model.script = likeOllama
  })

  it('obey a freeze by command once the command has returned', async () => {
    const config = ['-c', gate.policyFile]
    const frozen = await cli(['freeze', 'key', gate.keyIds.frozen ?? '', '--why', 'test', ...config])
    expect(frozen).toMatchObject({ code: 0, err: '' })
    expect(await statuses(times(6, () => gate.chat('frozen')))).toEqual(all(403, 6))
    const lifted = await cli(['unfreeze', 'key', gate.keyIds.frozen ?? '', '--why', 'test', ...config])
    expect(lifted).toMatchObject({ code: 0, err: '' })
    expect(await statuses(times(6, () => gate.chat('frozen')))).toEqual(all(200, 6))
  })

  it('obey a freeze and a revocation once it is acknowledged, and end what runs', async () => {
    const waiting = holdPosts(model)
    const running = times(4, () => gate.chat('frozen'))
    await until(() => waiting.length === 4)
    const name = gate.keyIds.frozen
    await gate.ask('POST', '/admin/v1/freezes', { kind: 'key', name, why: 'test' })
    expect(await statuses(running)).toEqual(all(403, 4))
    model.script = likeOllama
    expect(await statuses(times(6, () => gate.chat('frozen')))).toEqual(all(403, 6))
    await gate.ask('DELETE', `/admin/v1/freezes/key/${name}`)
    expect(await statuses(times(6, () => gate.chat('frozen')))).toEqual(all(200, 6))
    await gate.ask('POST', `/admin/v1/keys/${gate.keyIds.revoked}/revoke`, {})
    expect(await statuses(times(6, () => gate.chat('revoked')))).toEqual(all(401, 6))
    expect(chainsIn([...eventsIn(gate, 'frozen'), ...eventsIn(gate, 'key revoked')])).toEqual([''])
  })

  it('ask for an approval once, and use it once', async () => {
    model.script = (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      const tool_calls = [{ function: { name: 'pay', arguments: { to: 'unknown-payee' } } }]
      const message = { role: 'assistant', content: '', tool_calls }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ model: 'smollm2:135m', message, done: true, done_reason: 'stop' }))
      return undefined
    }
    const asked = await Promise.all(times(4, () => gate.chat('payer')))
    const [id, ...others] = new Set(asked.map(({ text }) => /ap_[0-9a-f]{20}/.exec(text)?.[0]))
    expect(others).toEqual([])
    await gate.ask('POST', `/admin/v1/approvals/${id}/approve`, { by: 'alice' })
    const answers = await Promise.all(times(6, () => gate.chat('payer')))
    expect(answers.filter(({ text }) => text.includes('unknown-payee'))).toHaveLength(1)
    model.script = likeOllama
  })

  it('erase in all chains', async () => {
    const { body } = await gate.ask('POST', '/admin/v1/audit/erasures', {
      identity: gate.keyIds.single,
      why: 'asked',
    })
    expect(body).toMatchObject({ records: 12 })
    const { out } = await cli(['audit', 'export', '--identity', gate.keyIds.single ?? '', gate.auditFile])
    expect(out.match(/"erased":"\w+"/g)).toHaveLength(12)
  })

  it('take a changed policy together or not at all, and say what needs a restart', async () => {
    const version = async () => {
      const { body } = await gate.ask('GET', '/readyz')
      return (body as { policy: { version: string } }).policy.version
    }
    const first = await version()
    gate.write({ ...settings, role: settings.role?.replaceAll('smollm2:*', 'other:*') ?? '' })
    gate.signal('SIGHUP')
    await until(async () => (await version()) !== first)
    await until(async () => (await statuses(times(8, () => gate.chat()))).every((status) => status === 404))
    const denied = requestsOf(gate, 'agent').filter(
      ({ ending }) => (ending as { status: number }).status === 404,
    )
    expect(new Set(denied.map(({ policy }) => policy))).toEqual(new Set([await version()]))
    expect(chainsIn(denied)).toEqual(['w1', 'w2'])
    writeFileSync(gate.policyFile, 'version: 1\nroles: [')
    gate.signal('SIGHUP')
    await until(() => gate.output().includes('not reloaded'))
    expect(await statuses(times(4, () => gate.chat()))).toEqual(all(404, 4))
    gate.write({ ...settings, workers: 3 })
    await until(() =>
      gate.output().includes('`workers` was changed; the change takes effect after a restart'),
    )
    await until(async () => (await statuses(times(8, () => gate.chat()))).every((status) => status === 200))
    expect(chainsIn(eventsIn(gate, 'reloaded'))).toEqual([''])
  })

  it('replace one that is killed: its records verify, its slots come back, and the gap is on record', async () => {
    const waiting = holdPosts(model)
    const running = times(6, (index) => gate.chat('held', `h${index}`).catch(() => ({ status: 0 })))
    await until(() => waiting.length === 6)
    process.kill(gate.workers().get(1) ?? 0, 'SIGKILL')
    await until(() => eventsIn(gate, 'worker ended').length > 0)
    // It has a chain that nobody writes just now.
    const erasure = { subject: 'nobody', why: 'asked' }
    expect((await gate.ask('POST', '/admin/v1/audit/erasures', erasure)).status).toBe(503)
    for (const go of waiting) go()
    const ended = await statuses(running)
    expect(new Set(ended)).toEqual(new Set([0, 200]))
    const answered = ended.filter((status) => status === 200)
    // All six slots are free again, at the worker that is left, before the lease of the dead one ends.
    const again = holdPosts(model)
    const after = times(6, (index) => gate.chat('held', `a${index}`))
    await until(() => again.length === 6)
    for (const go of again) go()
    expect(await statuses(after)).toEqual(all(200, 6))
    model.script = likeOllama
    expect(requestsOf(gate, 'held')).toHaveLength(answered.length + 6)
    expect(eventsIn(gate, 'worker ended')).toMatchObject([
      { worker: 1, signal: 'SIGKILL', left: { problem: null } },
    ])
    await gate.restarted(3)
    expect(eventsIn(gate, 'gap')).toMatchObject([
      { chain: 'w1', reason: expect.stringContaining('not shut down cleanly') },
    ])
    expect(await statuses(times(8, () => gate.chat()))).toEqual(all(200, 8))
    expect((await verifyChains(gate.auditFile)).bad).toBeUndefined()
    const { text } = await gate.ask('GET', '/metrics')
    expect(text).toMatch(/^torwart_inflight_requests 0$/m)
  })

  it('stop in order: what runs is answered and recorded, and every chain is closed', async () => {
    const waiting = holdPosts(model)
    const running = times(6, (index) => gate.chat('agent', `last${index}`))
    await until(() => waiting.length === 6)
    gate.signal('SIGTERM')
    await until(() => gate.output().includes('stopping'))
    for (const go of waiting) go()
    expect(await statuses(running)).toEqual(all(200, 6))
    expect(await gate.ended).toBe(0)
    expect(requestsOf(gate, 'agent').filter(({ id }) => String(id).startsWith('last'))).toHaveLength(6)
    expect(eventsIn(gate, 'stopped')).toHaveLength(3)
    expect(eventsIn(gate, 'gap')).toHaveLength(1)
    expect((await verifyChains(gate.auditFile)).bad).toBeUndefined()
  })
})
