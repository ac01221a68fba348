/** Capability tokens through the gate: made over HTTP, narrower, spent, handed on, revoked; and keys with a life. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import { hashKey, mintKey } from '../../src/auth/api-keys/key.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, type Script, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})
const role = `    routes: [chat, models]
    models: ["smollm2:*", all-minilm]
    limits: { requestsPerMinute: 1000, tokensPerMinute: 1000000 }
    caps: { outputTokens: 100 }
`
async function start(more: Partial<Parameters<typeof startGate>[0]> = {}) {
  const model = await startModelServer(likeOllama)
  const gate = await startGate({
    upstream: model.url,
    role,
    admin: 'token: an-admin-token-for-tests',
    ...more,
  })
  open.push(model, gate)
  return { model, gate }
}
const asAdmin = (gate: RunningGate, method: string, path: string, body?: object) =>
  fetch(gate.admin + path, {
    method,
    headers: {
      authorization: 'Bearer an-admin-token-for-tests',
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const bearing = (token: string) => ({ authorization: `Bearer ${token}` })
const chatBody = (more: object = {}) => ({
  model: 'smollm2:135m',
  stream: false,
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
})
const chat = (gate: RunningGate, token: string, more: object = {}) =>
  gate.post('/api/chat', chatBody(more), bearing(token))
async function mint(gate: RunningGate, wish: object = {}, credential = gate.key) {
  const response = await gate.post('/torwart/v1/tokens', wish, bearing(credential))
  const made = (await response.json()) as { id: string; token: string; parent: string; expires: string }
  return { status: response.status, ...made }
}

describe('a token', () => {
  it('is made by whoever shows a key, works in the real client, and is on record as what it is', async () => {
    const { gate } = await start()
    const made = await mint(gate, { ttl: '5m', routes: ['chat'] })
    expect(made).toMatchObject({ status: 200, parent: gate.keyId })
    const client = new OpenAI({ baseURL: `${gate.data}/v1`, apiKey: made.token })
    const answer = await client.chat.completions.create({
      model: 'smollm2:135m',
      messages: [{ role: 'user', content: 'hello' }],
    })
    expect(answer.choices[0]?.message.content).toBeTruthy()
    expect(gate.requests().at(-1)).toMatchObject({
      identity: { kind: 'token', id: made.id, role: 'agent', from: [gate.keyId] },
    })
    expect(gate.records().find(({ event }) => event === 'token made')).toMatchObject({
      token: made.id,
      parent: gate.keyId,
      routes: ['chat'],
    })
    // Nobody finds it in what was written.
    expect(readFileSync(gate.auditFile, 'utf8') + gate.logged()).not.toContain(made.token.split('.')[2])
  })

  it('may do what it says, and nothing else', async () => {
    const { gate, model } = await start()
    const { token } = await mint(gate, { routes: ['chat'], models: ['smollm2:135m'], tools: ['search_*'] })
    expect((await chat(gate, token)).status).toBe(200)
    expect((await gate.get('/api/tags', bearing(token))).status).toBe(403)
    const other = await chat(gate, token, { model: 'smollm2:360m' })
    expect([other.status, other.headers.get('x-torwart-code')]).toEqual([404, 'model_not_allowed'])
    const tool = (name: string) => [{ type: 'function', function: { name, parameters: { type: 'object' } } }]
    expect((await chat(gate, token, { tools: tool('search_web') })).status).toBe(200)
    // What it may not call the model never hears of.
    expect((await chat(gate, token, { tools: tool('send_money') })).status).toBe(200)
    expect(JSON.stringify(model.posts.at(-1)?.json)).not.toContain('send_money')
  })

  it('makes narrower ones, never wider ones, and only so deep', async () => {
    const { gate } = await start()
    const first = await mint(gate, { routes: ['chat'], ttl: '10m' })
    const second = await mint(gate, { models: ['smollm2:135m'], ttl: '1h' }, first.token)
    expect(second.parent).toBe(first.id)
    expect(Date.parse(second.expires)).toBeLessThanOrEqual(Date.parse(first.expires))
    expect((await mint(gate, { routes: ['models'] }, second.token)).status).toBe(400)
    const third = await mint(gate, {}, second.token)
    expect((await chat(gate, third.token)).status).toBe(200)
    expect((await chat(gate, third.token, { model: 'smollm2:360m' })).status).toBe(404)
    expect((await mint(gate, {}, third.token)).status).toBe(400)
  })

  it('that is not what it should be says which field is wrong, and how it would be right', async () => {
    const { gate } = await start()
    for (const [wish, said] of [
      [{ ttl: 5 }, '`ttl` must be a duration such as 90s or 15m.'],
      [{ routes: ['chatt'] }, '`routes` must be a list of some of chat, '],
      [{ models: 'qwen3:8b' }, '`models` must be a list of up to 64 names'],
      [{ tools: [1] }, '`tools` must be a list of up to 16 names'],
      [{ requests: 0 }, '`requests` must be an integer of at least 1.'],
      [{ tokens: '20000' }, '`tokens` must be an integer of at least 1.'],
      [{ 'my secret': 1 }, 'The fields are `ttl`, `routes`, `models`, `tools`, `requests`, `tokens`.'],
      [{ constructor: 1 }, 'The fields are'],
    ] as const) {
      const answer = await gate.post('/torwart/v1/tokens', wish, bearing(gate.key))
      expect(answer.status).toBe(400)
      const told = await answer.text()
      expect(told).toContain(said)
      expect(told).not.toContain('my secret')
    }
  })

  it('and all below it spend what the uppermost was given', async () => {
    const { gate } = await start()
    const parent = await mint(gate, { requests: 3 })
    const [one, other] = [
      await mint(gate, { requests: 100 }, parent.token),
      await mint(gate, {}, parent.token),
    ]
    const statuses: number[] = []
    for (const { token } of [one, other, parent, one, other]) statuses.push((await chat(gate, token)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429])
    // The key itself has its own.
    expect((await chat(gate, gate.key)).status).toBe(200)
  })

  it('has so many tokens and not one more', async () => {
    const { gate } = await start()
    const { token, id } = await mint(gate, { tokens: 200 })
    let refused = await chat(gate, token)
    for (let asked = 1; refused.status === 200 && asked < 20; asked++) refused = await chat(gate, token)
    const spent = gate
      .requests()
      .filter(({ identity }) => (identity as { id: string }).id === id)
      .map(({ usage }) => usage as { input: number; output: number } | null)
      .reduce((sum, usage) => sum + (usage?.input ?? 0) + (usage?.output ?? 0), 0)
    expect(spent).toBeGreaterThan(0)
    expect(spent).toBeLessThanOrEqual(200)
    expect([refused.status, refused.headers.get('x-torwart-code')]).toEqual([429, 'tokens_exhausted'])
    expect(refused.headers.get('x-should-retry')).toBe('false')
    const never = await mint(gate, { tokens: 20 })
    expect((await chat(gate, never.token)).status).toBe(400)
  })

  it('counts against the limits of its key', async () => {
    const { gate } = await start({ role: role.replace('requestsPerMinute: 1000', 'requestsPerMinute: 2') })
    const [one, other] = [await mint(gate), await mint(gate)]
    expect((await chat(gate, one.token)).status).toBe(200)
    expect((await chat(gate, other.token)).status).toBe(200)
    expect((await chat(gate, gate.key)).status).toBe(429)
  })

  it.each([
    ['what is no JSON object', '[]'],
    ['a field that there is not', '{"role":"admin"}'],
    ['a key twice', '{"ttl":"1m","ttl":"24h"}'],
    ['no duration', '{"ttl":"soon"}'],
    ['no count', '{"requests":0}'],
    ['a negative budget', '{"tokens":-1}'],
    ['a group that there is not', '{"routes":["everything"]}'],
  ])('is not made from %s', async (_what, body) => {
    const { gate } = await start()
    const response = await gate.post('/torwart/v1/tokens', body)
    expect([response.status, response.headers.get('x-torwart-code')]).toEqual([400, 'invalid_request'])
  })

  it('is not made without a credential', async () => {
    const { gate } = await start()
    expect((await fetch(`${gate.data}/torwart/v1/tokens`, { method: 'POST', body: '{}' })).status).toBe(401)
  })

  it('is signed by what is published, for anybody to see', async () => {
    const { gate } = await start()
    await mint(gate)
    const published = await fetch(`${gate.data}/torwart/v1/jwks`)
    expect(published.status).toBe(200)
    expect(await published.json()).toEqual({
      keys: [expect.objectContaining({ kty: 'OKP', crv: 'Ed25519', kid: expect.any(String) })],
    })
  })

  it('made on the command line works at once in the running gate', async () => {
    const { gate } = await start()
    const words = ['token', 'mint', '--key', gate.keyId, '--ttl', '1m', '--routes', 'chat', '--json']
    const ran = await cli([...words, '-c', gate.policyFile])
    expect(ran.code, ran.err).toBe(0)
    const { token, parent } = JSON.parse(ran.out) as { token: string; parent: string }
    expect(parent).toBe(gate.keyId)
    expect((await chat(gate, token)).status).toBe(200)
  })
})

describe('taken away', () => {
  const slow: Script = (seen, response) => {
    if (seen.url !== '/api/chat') return likeOllama(seen, response)
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.write('{"model":"smollm2:135m","message":{"role":"assistant","content":"Hm"},"done":false}\n')
  }

  it('a token ends with all below it, and what runs on it is cut', async () => {
    const model: ModelServer = await startModelServer(slow)
    const gate = await startGate({
      upstream: model.url,
      role,
      admin: 'token: an-admin-token-for-tests',
    })
    open.push(model, gate)
    const parent = await mint(gate)
    const child = await mint(gate, {}, parent.token)
    const other = await mint(gate)
    const running = await chat(gate, child.token, { stream: true })
    const text = running.text()
    expect((await asAdmin(gate, 'DELETE', `/admin/v1/tokens/${parent.id}`)).status).toBe(200)
    expect(await text).toContain('"error"')
    for (const { token } of [parent, child])
      expect((await gate.get('/api/tags', bearing(token))).status).toBe(401)
    expect((await gate.get('/api/tags', bearing(other.token))).status).toBe(200)
    expect(gate.records().find(({ event }) => event === 'token revoked')).toMatchObject({ token: parent.id })
  })

  it('a key ends with every token made from it', async () => {
    const { gate } = await start()
    const { token } = await mint(gate)
    expect((await asAdmin(gate, 'POST', `/admin/v1/keys/${gate.keyId}/revoke`, { by: 'me' })).status).toBe(
      200,
    )
    expect((await chat(gate, token)).status).toBe(401)
    expect((await chat(gate, gate.key)).status).toBe(401)
  })

  it('a frozen key’s tokens are frozen', async () => {
    const { gate } = await start()
    const { token } = await mint(gate)
    await asAdmin(gate, 'POST', '/admin/v1/freezes', { kind: 'key', name: gate.keyId, why: 'test' })
    const refused = await chat(gate, token)
    expect([refused.status, refused.headers.get('x-torwart-code')]).toEqual([403, 'frozen'])
    expect((await mint(gate, {}, token)).status).toBe(403)
  })

  it('a token stays away though the file that says so breaks or is gone, and keys can still be revoked', async () => {
    const { gate } = await start()
    const revoked = await mint(gate)
    const file = `${gate.keysFile}.revoked.json`
    await asAdmin(gate, 'DELETE', `/admin/v1/tokens/${revoked.id}`)
    const version = (credential: string) => gate.get('/api/version', bearing(credential))
    expect((await version(revoked.token)).status).toBe(401)
    rmSync(file)
    gate.reload()
    expect((await version(revoked.token)).status).toBe(401)
    writeFileSync(file, '{')
    // It is in force, though not all of what was read was good: that is said.
    expect((await asAdmin(gate, 'POST', `/admin/v1/keys/${gate.keyId}/revoke`)).status).toBe(503)
    expect((await version(gate.key)).status).toBe(401)
    expect((await version(revoked.token)).status).toBe(401)
  })

  it('a token ends with the secret that it was made from', async () => {
    const { gate } = await start()
    const made = await mint(gate, { ttl: '1h' })
    const rotate = async (body: object) =>
      (await (await asAdmin(gate, 'POST', `/admin/v1/keys/${gate.keyId}/rotate`, body)).json()) as {
        key: string
      }
    const { key } = await rotate({ grace: '1h' })
    // While the old secret is good, so is what it made; and what it makes now ends with it.
    expect((await chat(gate, made.token)).status).toBe(200)
    const late = await mint(gate, { ttl: '24h' })
    expect(Date.parse(late.expires)).toBeLessThanOrEqual(Date.now() + 3_600_000)
    const fresh = await mint(gate, { ttl: '24h' }, key)
    expect(Date.parse(fresh.expires)).toBeGreaterThan(Date.now() + 3_600_000)
  })

  it('a token offered with a tool of a megabyte does not hold the gate up', async () => {
    const { gate } = await start()
    const { token } = await mint(gate, { tools: [`*${'a'.repeat(62)}b`] })
    const tools = [{ type: 'function', function: { name: 'a'.repeat(900_000), parameters: {} } }]
    const since = process.cpuUsage()
    expect((await chat(gate, token, { tools })).status).toBe(200)
    const { user, system } = process.cpuUsage(since)
    expect((user + system) / 1000).toBeLessThan(1000)
  })

  it('a token is frozen by its own id, with what was made from it, while its key goes on', async () => {
    const { gate } = await start()
    const { token, id } = await mint(gate)
    const child = await mint(gate, {}, token)
    const froze = await cli(['freeze', 'key', id, '--why', 'w', '-c', gate.policyFile])
    expect(froze).toMatchObject({ code: 0, err: '' })
    for (const each of [token, child.token]) expect((await chat(gate, each)).status).toBe(403)
    expect((await chat(gate, gate.key)).status).toBe(200)
  })

  it('on the command line holds when the command returns', async () => {
    const { gate } = await start()
    const { token, id } = await mint(gate)
    expect((await cli(['token', 'revoke', id, '-c', gate.policyFile])).code).toBe(0)
    expect((await chat(gate, token)).status).toBe(401)
  })
})

describe('keys with a life', () => {
  it('are made, rotated, disabled and enabled over the admin API, and every change is on record', async () => {
    const { gate } = await start()
    const made = (await (
      await asAdmin(gate, 'POST', '/admin/v1/keys', { name: 'bot', role: 'agent', by: 'ann@example.org' })
    ).json()) as { id: string; key: string }
    expect((await chat(gate, made.key)).status).toBe(200)
    const change = async (what: string, body?: object) =>
      (await (await asAdmin(gate, 'POST', `/admin/v1/keys/${made.id}/${what}`, body)).json()) as {
        key: string
        status: string
      }
    const rotated = await change('rotate', { grace: '1h' })
    expect((await chat(gate, rotated.key)).status).toBe(200)
    expect((await chat(gate, made.key)).status).toBe(200)
    expect((await change('disable')).status).toBe('disabled')
    expect((await chat(gate, rotated.key)).status).toBe(401)
    expect((await change('enable')).status).toBe('active')
    expect((await chat(gate, rotated.key)).status).toBe(200)
    const events = gate.records().filter(({ event }) => String(event).startsWith('key '))
    expect(events.map(({ event }) => event)).toEqual([
      'key created',
      'key rotated',
      'key disabled',
      'key enabled',
    ])
    expect(JSON.stringify(events)).not.toContain('ann@example.org')
    const listed = await (await asAdmin(gate, 'GET', '/admin/v1/keys')).text()
    expect(listed).not.toContain(hashKey(rotated.key).toString('hex'))
    expect(listed).not.toContain(rotated.key)
  })

  it('need the admin token to be changed', async () => {
    const { gate } = await start()
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${gate.admin}/admin/v1/keys`, { method: 'POST', headers, body: '{}' })
    expect(response.status).toBe(401)
  })

  it('count their uses, which a list and a report of unused keys show', async () => {
    const idle = mintKey()
    const old = { ...entryOf(idle.key, idle.id), created: '2020-01-01T00:00:00Z' }
    const { gate } = await start({ keys: [old] })
    await chat(gate, gate.key)
    await chat(gate, gate.key)
    const list = async (...words: string[]) =>
      JSON.parse((await cli(['key', 'list', '--json', ...words, '-c', gate.policyFile])).out) as {
        id: string
        lastUsed: string | null
        uses: number
      }[]
    const used = await until(async () =>
      (await list()).find(({ id, uses }) => id === gate.keyId && uses === 2),
    )
    expect(Math.abs(Date.parse(used.lastUsed ?? '') - Date.now())).toBeLessThan(60_000)
    expect((await list('--unused', '30d')).map(({ id }) => id)).toEqual([idle.id])
  })

  it('are for the networks they name, and a proxy’s word counts only if the policy says so', async () => {
    const far = mintKey()
    const near = mintKey()
    const keys = [
      { ...entryOf(far.key, far.id), networks: ['203.0.113.0/24'] },
      { ...entryOf(near.key, near.id), networks: ['127.0.0.0/8', '::1'] },
    ]
    const plain = (await start({ keys })).gate
    const from = (address: string) => ({ ...bearing(far.key), 'x-forwarded-for': address })
    expect((await plain.get('/api/version', bearing(near.key))).status).toBe(200)
    const refused = await plain.get('/api/version', from('203.0.113.7'))
    expect(refused.status).toBe(401)
    const behind = (await start({ keys, more: 'door: { proxies: [127.0.0.1] }\n' })).gate
    const status = async (address: string) => (await behind.get('/api/version', from(address))).status
    expect(await status('203.0.113.7')).toBe(200)
    expect(await status('198.51.100.1, 203.0.113.7')).toBe(200)
    // Whoever writes an address in front of its own gains nothing.
    expect(await status('203.0.113.7, 198.51.100.1')).toBe(401)
    expect(await status('203.0.113.7, nonsense')).toBe(401)
    expect(behind.requests().map(({ peer }) => peer)).toContain('203.0.113.7')
  })
})

describe('an upstream’s key', () => {
  it('comes from a file, and a changed file is picked up', async () => {
    const { gate, model } = await start()
    const secret = `${gate.folder}/upstream.key`
    writeFileSync(secret, 'first-secret\n')
    const policy = readFileSync(gate.policyFile, 'utf8')
    writeFileSync(gate.policyFile, policy.replace('kind: ollama', `kind: ollama, key: "\${file:${secret}}"`))
    gate.reload()
    await chat(gate, gate.key)
    expect(model.posts.at(-1)?.headers.authorization).toBe('Bearer first-secret')
    writeFileSync(secret, 'second-secret, longer\n')
    await until(async () => {
      await chat(gate, gate.key)
      return model.posts.at(-1)?.headers.authorization === 'Bearer second-secret, longer'
    })
  })
})
