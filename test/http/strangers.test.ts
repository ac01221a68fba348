/** Who comes without a credential, or guesses one: counted by network, braked, on record; health checks are none of it. */
import { afterEach, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { entryOf, type GateSettings, type RunningGate, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { sendRaw } from '../rig/raw.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(settings: Partial<GateSettings> = {}): Promise<RunningGate> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, ...settings })
  open.push(model, gate)
  return gate
}

const events = (gate: RunningGate, name: string) => gate.records().filter(({ event }) => event === name)
const refusals = (gate: RunningGate) =>
  gate.requests().filter(({ ending }) => (ending as { code: string | null }).code === 'invalid_credentials')
const linesOf = (gate: RunningGate) =>
  gate
    .logged()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('one IPv6 network', () => {
  it('makes ten records and meets the door, however many addresses it has', async () => {
    const gate = await start({ more: 'door: { failuresPerMinute: 20, proxies: [127.0.0.1] }\n' })
    const statuses: number[] = []
    for (let index = 0; index < 25; index++) {
      const from = { authorization: 'Bearer nonsense', 'x-forwarded-for': `2001:db8:0:7::${index + 1}` }
      statuses.push((await gate.get('/api/tags', from)).status)
    }
    expect(statuses).toEqual([...Array(20).fill(401), ...Array(5).fill(429)])
    expect(refusals(gate)).toHaveLength(10)
  })
})

describe('health checks and OPTIONS', () => {
  it('are answered, are no failed logins, and do not crowd those out of the record', async () => {
    const gate = await start({ more: 'door: { failuresPerMinute: 5 }\n' })
    const stripInvisible = (method: string, path: string) => fetch(gate.data + path, { method })
    for (let index = 0; index < 8; index++) {
      const balancer = await sendRaw(gate.data, 'OPTIONS / HTTP/1.0\r\n\r\n')
      expect(balancer.status).toBe(200)
      expect((await stripInvisible('GET', '/health')).status).toBe(200)
      expect((await stripInvisible('HEAD', '/healthz')).status).toBe(200)
      expect((await stripInvisible('OPTIONS', '/v1/chat/completions')).status).toBe(200)
    }
    const wrong = { authorization: 'Bearer nonsense' }
    for (let index = 0; index < 5; index++) expect((await gate.get('/api/tags', wrong)).status).toBe(401)
    expect(refusals(gate)).toHaveLength(5)
    expect((await gate.get('/api/tags', wrong)).status).toBe(429)
  })

  it('say that a gate stops while it still accepts', async () => {
    const model = await startModelServer()
    const gate = await startGate({ upstream: model.url, notice: '30s' })
    open.push(model)
    expect((await fetch(`${gate.data}/health`)).status).toBe(200)
    const closing = gate.close()
    await until(async () => (await fetch(`${gate.data}/health`)).status === 503)
    gate.hurry()
    await closing
  })

  it('are no place to try keys, and a preflight of a browser is allowed nothing', async () => {
    const gate = await start()
    const wrong = { authorization: 'Bearer nonsense' }
    expect((await gate.get('/health', wrong)).status).toBe(401)
    const options = (headers: Record<string, string>) =>
      fetch(`${gate.data}/api/chat`, { method: 'OPTIONS', headers })
    expect((await options(wrong)).status).toBe(401)
    expect((await options({ authorization: `Bearer ${gate.key}` })).status).toBe(405)
    const preflight = await options({
      origin: 'http://evil.example',
      'access-control-request-method': 'POST',
    })
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})

describe('guesses at the admin listener', () => {
  const token = 'a-token-long-enough'
  const boss = mintKey()
  const guessing = {
    admin: `token: ${token}`,
    keys: [entryOf(boss.key, boss.id)],
    more: 'door: { failuresPerMinute: 6 }\nlog: { addresses: plain }\napproval: { approvers: [test] }\n',
  }
  const ask = async (gate: RunningGate, path: string, credential?: string) => {
    const headers: Record<string, string> = credential ? { authorization: `Bearer ${credential}` } : {}
    return fetch(gate.admin + path, { headers })
  }

  it('are on record, in the log and in a metric, and meet the same door', async () => {
    const gate = await start(guessing)
    for (let index = 0; index < 4; index++)
      expect((await ask(gate, '/metrics', `guess-${index}`)).status).toBe(401)
    const stolen = mintKey(boss.id).key
    for (let index = 0; index < 2; index++)
      expect((await ask(gate, '/admin/v1/approvals', stolen)).status).toBe(401)
    const braked = await ask(gate, '/admin/v1/keys', 'guess')
    expect([braked.status, Number(braked.headers.get('retry-after')) > 0]).toEqual([429, true])
    // The data listener's door is the same.
    expect((await gate.get('/api/tags', { authorization: 'Bearer nonsense' })).status).toBe(429)
    await until(() => events(gate, 'admin login refused').length === 7)
    expect(events(gate, 'admin login refused').slice(3, 5)).toMatchObject([
      { reason: 'admin token wrong', peer: '127.0.0.1', route: '/metrics' },
      { reason: 'approver key refused', peer: '127.0.0.1', route: '/admin/v1/approvals' },
    ])
    // Whoever has the token is not held up.
    const metrics = await (await ask(gate, '/metrics', token)).text()
    expect(metrics).toContain('torwart_admin_login_failures_total{reason="admin token wrong"} 5')
    expect(metrics).toContain('torwart_admin_login_failures_total{reason="approver key refused"} 2')
    const lines = linesOf(gate).filter(({ msg }) => String(msg).includes('refused at the admin listener'))
    expect(lines[0]).toMatchObject({ reason: 'admin token wrong', peer: '127.0.0.1' })
    for (const written of [gate.logged(), JSON.stringify(gate.records())])
      expect(written).not.toMatch(/guess-|tw_/)
  })

  it('are none where no credential is shown, and health is free', async () => {
    const gate = await start(guessing)
    for (let index = 0; index < 9; index++) expect((await ask(gate, '/metrics')).status).toBe(401)
    expect((await ask(gate, '/livez')).status).toBe(200)
    expect(events(gate, 'admin login refused')).toEqual([])
  })
})

describe('the operational log', () => {
  const lineOf = async (gate: RunningGate) => {
    await gate.get('/api/tags', { authorization: 'Bearer nonsense' })
    return until(() => linesOf(gate).find(({ msg }) => msg === 'a credential was refused'))
  }

  it('names the address of who was refused only where the policy wants it plain', async () => {
    expect(await lineOf(await start())).toMatchObject({ peer: '<ip:1>' })
    expect(await lineOf(await start({ more: 'log: { addresses: plain }\n' }))).toMatchObject({
      peer: '127.0.0.1',
      reason: 'malformed',
    })
  })

  it('begins with the version and the policy', async () => {
    const gate = await start()
    expect(linesOf(gate)[0]).toMatchObject({
      msg: 'starting',
      version: '0.0.0-test',
      policy: expect.stringMatching(/^[0-9a-f]{12}$/),
    })
  })

  it('has a line a request at the level debug, and none above', async () => {
    const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
    const gate = await start()
    await (await gate.post('/api/chat', chat)).text()
    await (await gate.post('/api/chat', { ...chat, model: 'nosuch' })).text()
    const lines = await until(() => {
      const found = linesOf(gate).filter(({ msg }) => msg === 'request')
      return found.length === 2 && found
    })
    expect(lines).toMatchObject([
      { route: '/api/chat', status: 200, outcome: 'answered', caller: gate.keyId, model: 'smollm2:135m' },
      { route: '/api/chat', status: 404, outcome: 'model_not_allowed', model: null },
    ])
    const quiet = await start({ more: 'log: { level: info }\n' })
    // Until it is read again, the rig's own level holds.
    quiet.reload()
    await (await quiet.post('/api/chat', chat)).text()
    expect(linesOf(quiet).some(({ msg }) => msg === 'request')).toBe(false)
  })
})
