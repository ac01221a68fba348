/** The kill switch: refuses new requests and ends running ones, on every gateway, within a second, and survives restarts. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { type GateSettings, policyText, type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, play, startModelServer } from '../rig/model-server.ts'
import { hasRedis, type RedisServer, startRedis } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const token = 'a-token-long-enough'
async function start(
  more: Partial<GateSettings> = {},
  adminKeys = `token: ${token}`,
): Promise<{ model: ModelServer; gate: RunningGate }> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, admin: adminKeys, ...more })
  open.push(model, gate)
  return { model, gate }
}
const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
const ask = async (gate: RunningGate) => {
  const response = await gate.post('/api/chat', chat)
  await response.text()
  return `${response.status} ${response.headers.get('x-torwart-code') ?? 'ok'}`
}
const admin = (gate: RunningGate, method: string, path: string, body?: unknown, bearer = token) =>
  fetch(`${gate.admin}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const events = (gate: RunningGate, name: string) => gate.records().filter(({ event }) => event === name)

describe('the command line', () => {
  it('freezes a key and lets it go again, and the log says who and why', async () => {
    const { gate } = await start()
    expect(await ask(gate)).toBe('200 ok')
    const froze = await cli(['freeze', 'key', gate.key, '--why', 'it files tickets', '-c', gate.policyFile])
    expect(froze).toMatchObject({ code: 0, err: '' })
    expect(froze.out).toContain(`key ${gate.keyId} is frozen: it files tickets (tester`)
    expect(froze.out).not.toContain(gate.key)
    await until(async () => (await ask(gate)) === '403 frozen')
    expect((await gate.get('/api/tags')).status).toBe(403)
    expect((await cli(['freezes', '-c', gate.policyFile])).out).toContain(`key ${gate.keyId} is frozen`)
    expect((await cli(['unfreeze', 'key', gate.keyId, '-c', gate.policyFile])).code).toBe(0)
    await until(async () => (await ask(gate)) === '200 ok')
    expect(events(gate, 'frozen')).toMatchObject([
      { kind: 'key', name: gate.keyId, why: 'it files tickets', by: 'tester', until: null },
    ])
    expect(events(gate, 'unfrozen')).toHaveLength(1)
    expect((await cli(['freezes', '-c', gate.policyFile])).out).toBe('Nothing is frozen.\n')
  })

  it.each([[['role', 'agent']], [['all']], [['model', 'smollm2:*']]])('freezes %s', async (subject) => {
    const { gate } = await start()
    await cli(['freeze', ...subject, '--why', 'w', '-c', gate.policyFile])
    await until(async () => (await ask(gate)) === '403 frozen')
    await cli(['unfreeze', ...subject, '-c', gate.policyFile])
    await until(async () => (await ask(gate)) === '200 ok')
  })

  it('lifts nothing where nothing is frozen, and nothing is recorded then, nor by the admin API', async () => {
    const { gate } = await start()
    const file = join(gate.folder, 'freezes.json')
    const lifted = await cli(['unfreeze', 'role', 'agent', '-c', gate.policyFile])
    expect(lifted).toMatchObject({ code: 0, err: '', out: expect.stringContaining('nothing was changed') })
    expect(existsSync(file)).toBe(false)
    expect((await admin(gate, 'DELETE', '/freezes/role/agent')).status).toBe(200)
    // Recorded in order: what comes last is there, what would have come before is not.
    await admin(gate, 'POST', '/freezes', { kind: 'role', name: 'agent', why: 'w' })
    await until(() => events(gate, 'frozen').length === 1)
    expect(events(gate, 'unfrozen')).toEqual([])
  })

  it('freezes for a while', async () => {
    const { gate } = await start()
    await cli(['freeze', 'all', '--why', 'w', '--for', '2s', '-c', gate.policyFile])
    await until(async () => (await ask(gate)) === '403 frozen')
    await until(async () => (await ask(gate)) === '200 ok')
    expect(await (await fetch(`${gate.admin}/readyz`)).json()).toMatchObject({ freezes: 0 })
  })

  it('keeps what it wrote readable, however much of it was masked', async () => {
    const { gate } = await start()
    const why = 'a@b.co '.repeat(73).trim()
    expect((await cli(['freeze', 'all', '--why', why, '-c', gate.policyFile])).code).toBe(0)
    await until(async () => (await ask(gate)) === '403 frozen')
    expect((await cli(['freezes', '-c', gate.policyFile])).out).toContain('everything is frozen: <email:1>')
  })

  it('returns when the gate obeys: the first request after a freeze is refused, the first after its end passes', async () => {
    const { gate } = await start()
    for (let round = 0; round < 3; round++) {
      const froze = await cli(['freeze', 'key', gate.keyId, '--why', 'w', '-c', gate.policyFile])
      expect(froze).toMatchObject({ code: 0, err: '' })
      expect(await ask(gate)).toBe('403 frozen')
      expect((await cli(['unfreeze', 'key', gate.keyId, '-c', gate.policyFile])).code).toBe(0)
      expect(await ask(gate)).toBe('200 ok')
    }
  })

  it('says how much a freeze holds for now', async () => {
    const { gate } = await start()
    const freeze = (...words: string[]) => cli(['freeze', ...words, '--why', 'w', '-c', gate.policyFile])
    expect((await freeze('key', gate.keyId)).out).toContain('Currently affects 1 key.\n')
    expect((await freeze('role', 'agent')).out).toContain('Currently affects 1 role, 1 key.\n')
    expect((await freeze('model', 'smollm2:*')).out).toContain('Currently affects 1 model, 1 role, 1 key.\n')
    expect((await freeze('all')).out).toMatch(/Currently affects \d models, 1 role, 1 key\.\n/)
    const api = await admin(gate, 'POST', '/freezes', { kind: 'model', name: 'smollm2', why: 'w' })
    expect(await api.json()).toMatchObject({ holds: { keys: 0, roles: 0, models: 0 } })
  })

  it.each([
    [['model', 'smollm2'], /there is no model smollm2\. Did you mean smollm2:135m\? .*'smollm2:\*'/],
    [['model', 'nosuch:*'], /there is no model nosuch:\*\. /],
    [['key', 'nosuch'], /there is no key nosuch\. /],
    [['key', 'dns:nosuch.example.org'], /there is no key dns:nosuch/],
    [['key', 'jwt:issuer:somebody'], /there is no key jwt:issuer/],
  ])('does not say that %j is frozen, which holds nothing, unless that is meant', async (words, message) => {
    const { gate } = await start()
    const freeze = ['freeze', ...words, '--why', 'w', '-c', gate.policyFile]
    const missed = await cli(freeze)
    expect(missed).toMatchObject({ code: 1, out: '', err: expect.stringMatching(message) })
    expect(existsSync(join(gate.folder, 'freezes.json'))).toBe(false)
    const ahead = await cli([...freeze, '--ahead'])
    expect(ahead).toMatchObject({ code: 0, out: expect.stringContaining('Currently affects nothing.') })
    expect(readFileSync(join(gate.folder, 'freezes.json'), 'utf8')).toContain(words[1])
  })

  it('says so where no gate runs that could obey', async () => {
    const { gate } = await start()
    await gate.close()
    mkdirSync(gate.folder, { recursive: true })
    writeFileSync(gate.policyFile, policyText({ upstream: 'http://127.0.0.1:9' }))
    const froze = await cli(['freeze', 'model', 'smollm2', '--why', 'w', '-c', gate.policyFile])
    expect(froze).toMatchObject({ code: 0, err: expect.stringContaining('No gateway is running') })
    expect(froze.err).toContain('The models of the servers are not known here')
    rmSync(gate.folder, { recursive: true })
  })

  it('works while the policy has a mistake', async () => {
    const { gate } = await start()
    writeFileSync(gate.policyFile, `${readFileSync(gate.policyFile, 'utf8')}\nnonsense: true\n`)
    const { code, err } = await cli(['freeze', 'all', '--why', 'w', '-c', gate.policyFile])
    // Where Redis is cannot be known, so not everybody may have been told.
    expect([code, err]).toEqual([1, expect.stringContaining('has errors')])
    await until(async () => (await ask(gate)) === '403 frozen')
  })

  it.each([
    [['freeze', 'key', 'x', '--why', 'w'], /not a key id/],
    [['freeze', 'role', 'nobody', '--why', 'w'], /There is no role nobody\. The policy has agent/],
    [['freeze', 'model', 'gpt:cloud', '--why', 'w'], /not a name or pattern/],
    [['freeze', 'planet', 'earth', '--why', 'w'], /Say what to freeze: key, role, model, person, all/],
    [['freeze', 'person', 'two words', '--why', 'w'], /not the id of a person/],
    [['freeze', 'person', 'аlice', '--why', 'w'], /not the id of a person/],
    [['freeze', 'all', 'of-it', '--why', 'w'], /takes no name/],
    [['freeze', 'all'], /--why/],
    [['freeze', 'all', '--why', 'w', '--for', 'ever'], /duration/],
    [['freeze', 'all', '--why', ''], /The reason or the author is missing/],
    [['freeze', 'all', '--why', 'w'.repeat(513)], /up to 512 characters/],
  ])('refuses %j', async (words, message) => {
    const { gate } = await start()
    const { code, err } = await cli([...words, '-c', gate.policyFile])
    expect(code).toBe(2)
    expect(err).toMatch(message)
    expect(await ask(gate)).toBe('200 ok')
  })
})

describe('the admin API', () => {
  it('freezes at once, lists, and lifts', async () => {
    const { gate } = await start()
    const wish = {
      kind: 'role',
      name: 'agent',
      why: 'mail me at mallory@example.org',
      for: '1h',
      by: 'alice',
    }
    expect((await admin(gate, 'POST', '/freezes', wish)).status).toBe(201)
    expect(await ask(gate)).toBe('403 frozen')
    const { freezes } = (await (await admin(gate, 'GET', '/freezes')).json()) as { freezes: object[] }
    expect(freezes).toMatchObject([{ kind: 'role', name: 'agent', by: 'alice', why: 'mail me at <email:1>' }])
    expect(JSON.stringify(gate.records())).not.toContain('mallory')
    expect(
      await (await fetch(`${gate.admin}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text(),
    ).toContain('torwart_freezes 1')
    expect((await admin(gate, 'DELETE', '/freezes/role/agent?why=over&by=bob')).status).toBe(200)
    expect(await ask(gate)).toBe('200 ok')
    expect(events(gate, 'unfrozen')).toMatchObject([{ kind: 'role', name: 'agent', why: 'over', by: 'bob' }])
  })

  it('takes model names with slashes', async () => {
    const { gate } = await start()
    await admin(gate, 'POST', '/freezes', { kind: 'model', name: 'hf.co/user/model:*', why: 'w' })
    expect((await admin(gate, 'DELETE', '/freezes/model/hf.co/user/model:*')).status).toBe(200)
    expect(await (await admin(gate, 'GET', '/freezes')).json()).toEqual({ freezes: [] })
  })

  it.each([
    ['POST', '/freezes', { kind: 'planet', why: 'w' }],
    ['POST', '/freezes', { kind: 'all' }],
    ['POST', '/freezes', { kind: 'all', why: 'w', for: 'ever' }],
    ['POST', '/freezes', { kind: 'all', why: 'w', more: 1 }],
    ['POST', '/freezes', { kind: 'key', name: '../../x', why: 'w' }],
    ['DELETE', '/freezes/planet/earth', undefined],
    ['DELETE', '/freezes/all?why=a&why=b', undefined],
    ['DELETE', '/freezes/all?why=', undefined],
    ['POST', '/freezes', { kind: 'all', why: 'w', for: '999999999d' }],
    ['POST', '/breakers/..%2f/close', { by: 'a' }],
    ['POST', '/breakers/abcd/close', { by: 5 }],
  ])('refuses %s %s %j', async (method, path, body) => {
    const { gate } = await start()
    expect((await admin(gate, method, path, body)).status).toBe(400)
    expect(await ask(gate)).toBe('200 ok')
  })

  it('needs the token to change something, on loopback too', async () => {
    const { gate } = await start({}, 'hosts: []')
    expect((await admin(gate, 'POST', '/freezes', { kind: 'all', why: 'w' })).status).toBe(403)
    const { gate: other } = await start()
    expect((await admin(other, 'POST', '/freezes', { kind: 'all', why: 'w' }, 'wrong')).status).toBe(401)
    expect(await ask(other)).toBe('200 ok')
  })

  it('closes a circuit breaker, and so does the command line', async () => {
    const role = `    routes: [chat]\n    models: ["smollm2:*"]\n    limits: { requestsPerMinute: 100, actionsPerMinute: 1 }`
    const { gate } = await start({ role })
    const trip = async () => {
      expect(await ask(gate)).toBe('200 ok')
      expect(await ask(gate)).toBe('429 breaker_open')
    }
    await trip()
    const answer = await admin(gate, 'POST', `/breakers/${gate.keyId}/close`, { by: 'alice' })
    expect(await answer.json()).toEqual({ key: gate.keyId, wasOpen: true })
    await trip()
    const close = () =>
      cli(['breaker', 'close', gate.keyId, '--admin', gate.admin, '--by', 'bob', '-c', gate.policyFile])
    expect(await close()).toMatchObject({ code: 0, out: `The breaker of ${gate.keyId} is closed.\n` })
    expect((await close()).out).toContain('was not open')
    expect(await ask(gate)).toBe('200 ok')
    expect(events(gate, 'breaker closed').map(({ by }) => by)).toEqual(['alice', 'bob'])
  })
})

describe('what is running', () => {
  it.each([
    ['/api/chat', 'chat-stream', 'frozen'],
    ['/v1/chat/completions', 'v1-chat-stream', 'frozen'],
  ])('is ended in mid-stream, and the model with it (%s)', async (path, recording, code) => {
    const { gate, model } = await start()
    let stopped = false
    model.script = async (seen, response) => {
      if (seen.method !== 'POST') return likeOllama(seen, response)
      void seen.left.then(() => {
        stopped = true
      })
      const { end } = response
      // Everything but the end.
      response.end = () => response
      await play(recording, response)
      response.end = end
    }
    const response = await gate.post(path, { ...chat, stream: true })
    const reader = response.body?.getReader()
    await reader?.read()
    await admin(gate, 'POST', '/freezes', { kind: 'key', name: gate.keyId, why: 'w' })
    let text = ''
    for (let more = await reader?.read(); more && !more.done; more = await reader?.read())
      text += new TextDecoder().decode(more.value)
    expect(text).toMatch(/frozen/i)
    await until(() => stopped)
    const [record] = await until(() => gate.requests().length === 1 && gate.requests())
    expect(record?.ending).toMatchObject({ kind: 'cut', code })
  })

  it('is ended while it waits for the first byte or for a place', async () => {
    const { gate, model } = await start({ upstreamMore: 'concurrent: 1' })
    model.script = (seen, response) =>
      seen.method === 'POST' ? new Promise<void>(() => {}) : likeOllama(seen, response)
    const asking = [ask(gate), ask(gate)]
    await until(() => model.posts.length === 1)
    await admin(gate, 'POST', '/freezes', { kind: 'model', name: 'smollm2:135m', why: 'w' })
    expect(await Promise.all(asking)).toEqual(['403 frozen', '403 frozen'])
    await until(() => gate.requests().length === 2)
    model.script = likeOllama
  })

  it('goes on if it is somebody else’s', async () => {
    const { gate, model } = await start()
    const waiting = holdPosts(model)
    const asking = ask(gate)
    await until(() => waiting.length === 1)
    await admin(gate, 'POST', '/freezes', { kind: 'model', name: 'other', why: 'w' })
    await admin(gate, 'POST', '/freezes', { kind: 'key', name: 'abcdefgh', why: 'w' })
    for (const go of waiting) go()
    expect(await asking).toBe('200 ok')
  })
})

describe('a restart', () => {
  it('forgets nothing, and a file that cannot be read is no start', async () => {
    const { gate } = await start()
    const file = join(gate.folder, 'freezes.json')
    await admin(gate, 'POST', '/freezes', { kind: 'all', why: 'w' })
    const orders = await until(() => readFileSync(file, 'utf8'))
    const folder = join(gate.folder, 'next')
    mkdirSync(folder)
    writeFileSync(join(folder, 'freezes.json'), orders)
    const next = await start({
      more: `audit: { file: "${folder}/audit.jsonl" }\n`,
      auditFile: join(folder, 'audit.jsonl'),
    })
    expect(await ask(next.gate)).toBe('403 frozen')
    expect(events(next.gate, 'freezes in force')).toMatchObject([{ subjects: ['all:'] }])
    const broken = join(gate.folder, 'broken')
    mkdirSync(broken)
    writeFileSync(join(broken, 'freezes.json'), '[{"kind":"all"}]')
    await expect(
      start({ more: `audit: { file: "${broken}/audit.jsonl" }\n`, auditFile: join(broken, 'audit.jsonl') }),
    ).rejects.toThrow(/not a file of freezes/)
  })
})

describe.skipIf(!hasRedis)('several gateways on one Redis', () => {
  const shared = (redis: RedisServer) => ({ more: `store: { redis: "${redis.url}", timeout: 5s }\n` })

  it('all obey within a second, whichever of them is told', async () => {
    const redis = await startRedis()
    open.push({ close: () => redis.stop() })
    const gates = [await start(shared(redis)), await start(shared(redis))].map(({ gate }) => gate)
    const [one, two] = gates as [RunningGate, RunningGate]
    await admin(one, 'POST', '/freezes', { kind: 'all', why: 'w' })
    await until(async () => (await ask(two)) === '403 frozen')
    await cli(['unfreeze', 'all', '-c', two.policyFile])
    await until(async () => (await ask(one)) === '200 ok')
    for (const gate of gates) expect(events(gate, 'frozen')).toHaveLength(1)
  })

  it('tell one that starts later, and a Redis that has forgotten everything', async () => {
    const redis = await startRedis()
    const { gate } = await start(shared(redis))
    await admin(gate, 'POST', '/freezes', { kind: 'all', why: 'w' })
    await redis.stop()
    // Redis away: what is known holds, and new orders are taken.
    const lifted = await cli(['unfreeze', 'all', '-c', gate.policyFile])
    expect(lifted).toMatchObject({ code: 1, err: expect.stringContaining('Redis does not answer') })
    await until(() => events(gate, 'unfrozen').length === 1)
    await admin(gate, 'POST', '/freezes', { kind: 'role', name: 'agent', why: 'w' })
    const again = await startRedis({ port: redis.port })
    open.push({ close: () => again.stop() })
    const late = await until(async () => {
      const next = await start(shared(again))
      return (await ask(next.gate)) === '403 frozen' && next
    })
    expect(events(late.gate, 'frozen')).toMatchObject([{ kind: 'role', name: 'agent' }])
  })
})
