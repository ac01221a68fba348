/** Persons behind one key: who is believed, what each may use, what is on record of them, and how they are frozen. */
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { hasRedis, startRedis } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const token = 'a-token-for-the-tests'
const byHeader = 'person: { header: X-OpenWebUI-User-Id }'
const base = `    routes: [chat, completions, embeddings, models]\n    models: ["smollm2:*"]\n    caps: { outputTokens: 100 }`
const unlimited = 'requestsPerMinute: unlimited'

async function start(role: string, more = ''): Promise<{ model: ModelServer; gate: RunningGate }> {
  const model = await startModelServer()
  open.push(model)
  const indented = role.replaceAll(/^/gm, '    ')
  const gate = await startGate({
    upstream: model.url,
    role: `${base}\n${indented}`,
    admin: `token: ${token}`,
    more,
  })
  open.push(gate)
  return { model, gate }
}

const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
const outcomeOf = async (response: Response) => {
  await response.arrayBuffer()
  return response.headers.get('x-torwart-code') ?? String(response.status)
}
const askAs = (gate: RunningGate, person?: string, path = '/api/chat') =>
  gate.post(path, chat, person === undefined ? {} : { 'x-openwebui-user-id': person }).then(outcomeOf)
const requestsBy = async (gate: RunningGate, by: string) => {
  const { out } = await cli(['usage', '--by', by, '--json', '-c', gate.policyFile])
  const { rows } = JSON.parse(out) as { rows: Record<string, unknown>[] }
  return Object.fromEntries(rows.map((row) => [row[by], row.requests]))
}
const admin = (gate: RunningGate, method: string, path: string, body?: object) =>
  fetch(`${gate.admin}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })

describe('limits of each person', () => {
  it('are counted apart, and those who are not named count as one', async () => {
    const { gate, model } = await start(
      `${byHeader}\nlimits: { ${unlimited}, perPerson: { requestsPerMinute: 2 } }`,
    )
    for (const person of ['ada', 'bob', undefined]) {
      expect([await askAs(gate, person), await askAs(gate, person)]).toEqual(['200', '200'])
      expect(await askAs(gate, person)).toBe('rate_limited')
    }
    expect(await askAs(gate, 'ADA')).toBe('rate_limited')
    expect(await requestsBy(gate, 'person')).toEqual({ ada: 4, bob: 3, null: 3 })
    // Only the gate hears who it is. The ids of traces are hexadecimal, and so is "ada".
    expect(JSON.stringify(model.seen).replaceAll(/\b[0-9a-f]{16,}\b/g, '')).not.toMatch(/ada|openwebui/i)
  })

  it('hold beside those of the key, and headers show the tightest', async () => {
    const { gate } = await start(
      `${byHeader}\nlimits: { requestsPerMinute: 3, perPerson: { requestsPerMinute: 2 } }`,
    )
    const first = await gate.post('/api/chat', chat, { 'x-openwebui-user-id': 'ada' })
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
    await first.arrayBuffer()
    expect([await askAs(gate, 'bob'), await askAs(gate, 'eve'), await askAs(gate, 'mallory')]).toEqual([
      '200',
      '200',
      'rate_limited',
    ])
  })

  it('of tokens refuse with the code of tokens and say whose they are', async () => {
    const { gate } = await start(`${byHeader}\nlimits: { ${unlimited}, perPerson: { tokensPerDay: 130 } }`)
    let response = await gate.post('/api/chat', chat, { 'x-openwebui-user-id': 'ada' })
    for (let tries = 0; response.status === 200 && tries < 10; tries++) {
      await response.arrayBuffer()
      response = await gate.post('/api/chat', chat, { 'x-openwebui-user-id': 'ada' })
    }
    expect(response.headers.get('x-torwart-code')).toBe('tokens_exhausted')
    expect(await response.text()).toContain('for this person')
    expect(await askAs(gate, 'bob')).toBe('200')
  })

  it('of slots keep nobody else of the key waiting', async () => {
    const { gate, model } = await start(`${byHeader}\nlimits: { ${unlimited}, perPerson: { concurrent: 1 } }`)
    const held = holdPosts(model)
    const ada = [askAs(gate, 'ada'), askAs(gate, 'ada')]
    await until(() => held.length === 1)
    const bob = askAs(gate, 'bob')
    await until(() => held.length === 2)
    model.script = likeOllama
    for (const release of held) release()
    expect(await Promise.all([...ada, bob])).toEqual(['200', '200', '200'])
  })
})

describe('who a request is from', () => {
  it('is a field of the body where the role says so, in the dialects that have one', async () => {
    const { gate, model } = await start(
      `person: { field: user }\nlimits: { ${unlimited}, perPerson: { requestsPerMinute: 1 } }`,
    )
    const ask = (path: string, more: object) => gate.post(path, { ...chat, ...more }).then(outcomeOf)
    expect(await ask('/v1/chat/completions', { user: 'ada' })).toBe('200')
    expect(await ask('/v1/chat/completions', { user: 'other', safety_identifier: 'ada' })).toBe(
      'rate_limited',
    )
    expect(await ask('/v1/messages', { max_tokens: 9, metadata: { user_id: 'Ada' } })).toBe('rate_limited')
    expect(await ask('/v1/messages', { max_tokens: 9, metadata: { user_id: 'bob' } })).toBe('200')
    expect(await ask('/v1/chat/completions', { user: { id: 'ada' } })).toBe('invalid_request')
    expect(JSON.stringify(model.posts.map(({ json }) => json))).not.toMatch(/ada|bob/i)
    // A header is nobody's word here.
    expect(await gate.post('/api/chat', chat, { 'x-openwebui-user-id': 'ada' }).then(outcomeOf)).toBe('200')
  })

  it('is not believed of a role without it', async () => {
    const { gate } = await start(`limits: { ${unlimited} }`)
    expect(await askAs(gate, 'ada')).toBe('200')
    expect(await askAs(gate, 'not a person')).toBe('200')
    expect(gate.requests().some((record) => 'person' in record)).toBe(false)
  })

  it.each([
    ['a blank', 'ada lovelace'],
    ['another alphabet', 'аda'],
    ['a control character', 'ada\tb'],
    ['too many characters', 'a'.repeat(257)],
    ['the name of those beyond the bound', '*'],
  ])('refuses %s', async (_what, person) => {
    const { gate } = await start(`person: { field: user }\nlimits: { ${unlimited} }`)
    const response = await gate.post('/v1/chat/completions', { ...chat, user: person })
    expect(response.headers.get('x-torwart-code')).toBe('invalid_request')
    expect(await response.text()).not.toContain(person)
  })

  it('refuses a header that is sent twice, whatever it says', async () => {
    const { gate, model } = await start(`${byHeader}\nlimits: { ${unlimited} }`)
    const { port } = new URL(gate.data)
    const status = await new Promise((resolve, reject) => {
      const headers = [
        'host',
        '127.0.0.1',
        'authorization',
        `Bearer ${gate.key}`,
        'content-type',
        'application/json',
      ]
      headers.push('x-openwebui-user-id', 'ada', 'X-OpenWebUI-User-ID', 'ada')
      const sent = request(
        { port, host: '127.0.0.1', path: '/api/chat', method: 'POST', headers },
        (response) => {
          response.resume()
          resolve(response.headers['x-torwart-code'])
        },
      )
      sent.on('error', reject)
      sent.end(JSON.stringify(chat))
    })
    expect(status).toBe('invalid_request')
    expect(model.posts).toEqual([])
  })

  it('is required of requests for a model only, if at all', async () => {
    const { gate } = await start(
      `person: { header: x-openwebui-user-id, required: true }\nlimits: { ${unlimited} }`,
    )
    expect(await askAs(gate)).toBe('invalid_request')
    expect(await askAs(gate, '')).toBe('invalid_request')
    expect(await askAs(gate, 'ada')).toBe('200')
    expect((await gate.get('/v1/models')).status).toBe(200)
  })
})

describe('a frozen person', () => {
  it('is refused with any key, however the id is written, and nobody else is', async () => {
    const { gate } = await start(`${byHeader}\nlimits: { ${unlimited} }`)
    const froze = await cli(['freeze', 'person', 'Ada@Example.org', '--why', 'w', '-c', gate.policyFile])
    expect(froze).toMatchObject({ code: 0, out: expect.stringContaining('person ada@example.org is frozen') })
    await until(async () => (await askAs(gate, 'ada@example.org')) === 'frozen')
    expect(await askAs(gate, 'ADA@EXAMPLE.ORG')).toBe('frozen')
    expect(await askAs(gate, ' ada@example.org ')).toBe('frozen')
    expect(await askAs(gate, 'bob')).toBe('200')
    expect(await askAs(gate)).toBe('200')
    const explained = await cli([
      'explain',
      '--key',
      gate.keyId,
      '--person',
      'ADA@example.org',
      '-c',
      gate.policyFile,
    ])
    expect(explained).toMatchObject({ code: 1, out: expect.stringContaining('the person is frozen') })
    // The event stays for good, so it must not name the person.
    await until(() => gate.records().some(({ event }) => event === 'frozen'))
    const event = gate.records().find((record) => record.event === 'frozen')
    expect(event).toMatchObject({ kind: 'person', name: expect.stringMatching(/^k[a-z2-7]{12}$/) })
    await cli(['unfreeze', 'person', 'ada@EXAMPLE.org', '-c', gate.policyFile])
    await until(async () => (await askAs(gate, 'ada@example.org')) === '200')
  })

  it('is frozen by the admin API as well, and its running requests end', async () => {
    const { gate, model } = await start(`person: { field: user }\nlimits: { ${unlimited} }`)
    const held = holdPosts(model)
    const running = gate.post('/v1/chat/completions', { ...chat, user: 'ada' }).then(outcomeOf)
    await until(() => held.length === 1)
    const made = await admin(gate, 'POST', '/freezes', { kind: 'person', name: 'ADA', why: 'w' })
    expect([made.status, await made.json()]).toMatchObject([201, { kind: 'person', name: 'ada' }])
    expect(await running).toBe('frozen')
    model.script = likeOllama
    for (const release of held) release()
    expect(await gate.post('/v1/chat/completions', { ...chat, user: 'ada' }).then(outcomeOf)).toBe('frozen')
    expect((await admin(gate, 'DELETE', '/freezes/person/Ada')).status).toBe(200)
    expect(await gate.post('/v1/chat/completions', { ...chat, user: 'ada' }).then(outcomeOf)).toBe('200')
  })
})

describe('what is on record of a person', () => {
  it('is erased by the id of the person, and what stays does not name it', async () => {
    const { gate } = await start(`${byHeader}\nlimits: { ${unlimited} }`)
    for (const person of ['ada@example.org', 'bob']) expect(await askAs(gate, person)).toBe('200')
    await until(() => gate.requests().length === 2)
    expect(gate.requests().map(({ person }) => person)).toEqual(['ada@example.org', 'bob'])
    const shown = await cli(['audit', 'show', '--person', 'bob', '--json', gate.auditFile])
    expect(shown.out.trim().split('\n')).toHaveLength(1)
    const words = ['audit', 'erase', '--person', 'ADA@example.org', '--why', 'asked']
    const erased = await cli([...words, '-c', gate.policyFile, '--admin', gate.admin])
    expect(erased).toMatchObject({ code: 0, out: expect.stringContaining('content of 1 records') })
    const { out } = await cli(['audit', 'export', gate.auditFile])
    expect(out).toContain('"erased":')
    expect(out).not.toMatch(/ada@/i)
    expect(await requestsBy(gate, 'person')).toEqual({ bob: 1, null: 1 })
    expect((await cli(['audit', 'verify', gate.auditFile])).code).toBe(0)
  })
})

describe('the budget of a group', () => {
  it('is shared by its roles, refuses until the month is over, and outlives a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'torwart-budgets-'))
    open.push({ close: async () => rmSync(folder, { recursive: true }) })
    const auditFile = join(folder, 'audit.jsonl')
    const model = await startModelServer()
    open.push(model)
    const startAgain = () =>
      startGate({
        upstream: model.url,
        role: `${base}\n    group: research\n    limits: { ${unlimited} }`,
        auditFile,
        more: `audit: { file: "${auditFile}" }\ngroups: { research: { tokensPerMonth: 150 } }\n`,
      })
    const first = await startAgain()
    let response = await first.post('/api/chat', chat)
    for (let tries = 0; response.status === 200 && tries < 10; tries++) {
      await response.arrayBuffer()
      response = await first.post('/api/chat', chat)
    }
    expect(response.headers.get('x-torwart-code')).toBe('tokens_exhausted')
    const now = new Date()
    const nextMonth = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)
    expect(Number(response.headers.get('retry-after'))).toBeCloseTo((nextMonth - Date.now()) / 1000, -2)
    expect(await response.text()).toContain('for all keys of this group together')
    const { out } = await cli(['usage', auditFile, '--by', 'group', '--json', '-c', first.policyFile])
    expect(JSON.parse(out)).toMatchObject({ rows: [{ group: 'research', refused: 1 }] })
    await first.close()
    const again = await startAgain()
    open.push(again)
    expect(await askAs(again)).toBe('tokens_exhausted')
  })

  it.skipIf(!hasRedis)(
    'and the limits of persons are those of all gateways on one Redis together',
    async () => {
      const redis = await startRedis()
      open.push({ close: () => redis.stop() })
      const model = await startModelServer()
      open.push(model)
      const { id, key } = mintKey()
      const role = `${base}\n    ${byHeader}\n    group: research\n    limits: { ${unlimited}, perPerson: { requestsPerMinute: 5 } }`
      const gates: RunningGate[] = []
      for (let index = 0; index < 2; index++) {
        const more = `store: { redis: "${redis.url}", timeout: 5s }\ngroups: { research: { tokensPerMonth: 1k } }\n`
        gates.push(await startGate({ upstream: model.url, role, keys: [entryOf(key, id)], more }))
      }
      open.push(...gates)
      const authorization = `Bearer ${key}`
      const ask = (index: number, person: string) =>
        gates[index % 2]
          ?.post('/api/chat', chat, { authorization, 'x-openwebui-user-id': person })
          .then(outcomeOf)
      const ofAda = await Promise.all(Array.from({ length: 8 }, (_, index) => ask(index, 'ada')))
      expect(ofAda.filter((outcome) => outcome === '200')).toHaveLength(5)
      expect(ofAda.filter((outcome) => outcome === 'rate_limited')).toHaveLength(3)
      const spent = async () =>
        gates
          .flatMap((gate) => gate.requests())
          .reduce((sum, { usage }) => {
            const { input = 0, output = 0 } = (usage ?? {}) as { input?: number; output?: number }
            return sum + input + output
          }, 0)
      let asked = 0
      // What the other gateway still gives back may make one more fit.
      await until(async () => {
        const outcomes = [await ask(0, `a${asked++}`), await ask(1, `b${asked++}`)]
        return outcomes.every((outcome) => outcome === 'tokens_exhausted')
      })
      expect(await ask(1, 'new')).toBe('tokens_exhausted')
      expect(await spent()).toBeGreaterThan(1000 - 130)
      expect(await spent()).toBeLessThanOrEqual(1000)
    },
  )
})
