/** JSON Web Tokens of a real issuer over HTTP: who may come with one, every way to be wrong, keys that change. */
import { createHash, createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { type Intervals, standardIntervals } from '../../src/core/intervals.ts'
import { cli } from '../rig/cli.ts'
import { colours, messages, name } from '../rig/clients.ts'
import { type RunningGate, startGate, wideAndNarrow } from '../rig/gate.ts'
import { audience, type Issuer, startIssuer } from '../rig/issuer.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
let idp: Issuer
let byRole: Issuer
let gate: RunningGate

beforeAll(async () => {
  model = await startModelServer()
  idp = await startIssuer()
  byRole = await startIssuer('RS256')
  gate = await startGate({
    upstream: model.url,
    role: wideAndNarrow,
    more: `door: { failuresPerMinute: 100000 }
jwt:
  - { issuer: "${idp.url}", audience: ${audience}, jwksUrl: "${idp.url}/jwks", role: agent }
  - { issuer: "${byRole.url}", audience: ${audience}, roleClaim: realm.groups, roles: { staff: agent, guests: narrow } }
`,
  })
})
afterAll(async () => {
  await gate.close()
  await idp.close()
  await byRole.close()
  await model.close()
})
beforeEach(() => {
  idp.answer = undefined
})

const chat = { model: name, messages, stream: false }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const ask = (token: string, path = '/api/chat', body: object = chat) => gate.post(path, body, bearer(token))
const metric = async (reason: string) => {
  const text = await (await fetch(`${gate.admin}/metrics`)).text()
  const found = new RegExp(`^torwart_credential_failures_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(
    text,
  )
  return Number(found?.[1] ?? 0)
}
const idFor = (issuer: Issuer, text: string) =>
  `jwt:${createHash('sha256').update(issuer.url).digest('hex').slice(0, 8)}:${text}`

describe('a token', () => {
  it('identifies its bearer, apart from every key and every other issuer', async () => {
    expect((await ask(await idp.sign())).status).toBe(200)
    expect(gate.requests().at(-1)).toMatchObject({
      identity: { kind: 'jwt', id: idFor(idp, 'agent-7'), name: 'agent-7', role: 'agent' },
    })
    expect((await ask(await byRole.sign({ realm: { groups: ['x', 'staff'] } }))).status).toBe(200)
    expect(gate.requests().at(-1)).toMatchObject({ identity: { id: idFor(byRole, 'agent-7') } })
  })

  it('is found by discovery, which is what its issuer is asked for first', () => {
    expect(byRole.asked.slice(0, 2)).toEqual(['/.well-known/openid-configuration', '/jwks'])
  })

  it('has the role that the first listed value of its claim gives, in the order of the policy', async () => {
    const roleFor = async (groups: unknown) => {
      const response = await ask(await byRole.sign({ realm: { groups } }))
      return response.status
    }
    expect(await roleFor(['guests', 'staff'])).toBe(200)
    expect(await roleFor('staff')).toBe(200)
    expect(await roleFor(['guests'])).toBe(403)
    expect(await roleFor(['agent'])).toBe(401)
    expect(await roleFor([])).toBe(401)
    expect(await roleFor({ staff: true })).toBe(401)
    expect((await ask(await byRole.sign())).status).toBe(401)
  })

  it('of a person leaves no address in the record', async () => {
    const sub = 'alice@corp.example'
    expect((await ask(await idp.sign({ sub }))).status).toBe(200)
    const record = gate.requests().at(-1)
    expect(JSON.stringify(record)).not.toContain('alice')
    const digest = createHash('sha256').update(sub).digest('hex').slice(0, 32)
    expect(record).toMatchObject({ identity: { id: idFor(idp, `~${digest}`), name: `~${digest}` } })
  })

  it('comes in every header that a key comes in', async () => {
    const token = await idp.sign()
    const none = { authorization: '' }
    expect((await gate.post('/api/chat', chat, { ...none, 'x-api-key': token })).status).toBe(200)
    const basic = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`
    expect((await gate.post('/api/chat', chat, { authorization: basic })).status).toBe(200)
    expect((await gate.post('/api/chat', chat, { 'x-api-key': token })).status).toBe(401)
  })

  it('is stopped by the kill switch, under the name that its record has', async () => {
    const token = await idp.sign({ sub: 'runaway' })
    expect((await ask(token)).status).toBe(200)
    const runaway = idFor(idp, 'runaway')
    const { code } = await cli(['freeze', 'key', runaway, '--why', 'loops', '-c', gate.policyFile])
    expect(code).toBe(0)
    await until(async () => (await ask(token)).headers.get('x-torwart-code') === 'frozen')
    expect((await ask(await idp.sign())).status).toBe(200)
  })

  it('serves the real clients', async () => {
    const token = await idp.sign()
    const openai = new OpenAI({ baseURL: `${gate.data}/v1`, apiKey: token })
    const { choices } = await openai.chat.completions.create({ model: name, messages })
    expect(choices[0]?.message.content).toBe(colours)
    const ollama = new Ollama({ host: gate.data, headers: bearer(token) })
    expect((await ollama.chat({ model: name, messages })).message.content).toBe(colours)
  })
})

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)
const claims = (more: object = {}) => ({
  ...{ iss: idp.url, aud: audience, sub: 'agent-7', exp: seconds() + 300 },
  ...more,
})
const ownPair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
/** Signed by a key of the attacker's. */
const forged = (header: object, payload: unknown) => {
  const text = `${encode({ alg: 'ES256', ...header })}.${encode(payload)}`
  const signature = signBytes('sha256', Buffer.from(text), {
    key: ownPair.privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${text}.${signature.toString('base64url')}`
}
/** The right signature over other bytes. */
const altered = async (payload: object) => {
  const [header, , signature] = (await idp.sign()).split('.')
  return `${header}.${encode(payload)}.${signature}`
}

const wrong: readonly (readonly [what: string, reason: string, make: () => Promise<string> | string])[] = [
  ['expired', 'token expired', () => idp.sign({ exp: seconds() - 60 })],
  ['not yet valid', 'token not yet valid', () => idp.sign({ nbf: seconds() + 120 })],
  ['without an end', 'token wrong', () => idp.sign({ exp: undefined })],
  ['without a subject', 'token wrong', () => idp.sign({ sub: undefined })],
  ['of an empty subject', 'token wrong', () => idp.sign({ sub: '' })],
  ['of an end that is no number', 'token wrong', () => idp.sign({ exp: '9999999999' as unknown as number })],
  ['for somebody else', 'token for another audience', () => idp.sign({ aud: 'other' })],
  ['for nobody', 'token for another audience', () => idp.sign({ aud: undefined })],
  [
    'of an issuer that nobody knows',
    'token of an unknown issuer',
    () => idp.sign({ iss: 'https://evil.example' }),
  ],
  ['of an issuer spelled alike', 'token of an unknown issuer', () => idp.sign({ iss: `${idp.url}/` })],
  [
    'of another issuer, signed by this one',
    'token of an unknown key',
    () => idp.sign({ iss: byRole.url }, { alg: 'ES256' }),
  ],
  ['changed after it was signed', 'token signature wrong', () => altered(claims({ sub: 'admin' }))],
  ['signed by somebody else', 'token of an unknown key', () => forged({ kid: 'evil' }, claims())],
  [
    'signed by somebody else under a known name',
    'token signature wrong',
    () => forged({ kid: 'key-0' }, claims()),
  ],
  [
    'that brings its own key',
    'token of an unknown key',
    () =>
      forged(
        { kid: 'evil', jwk: ownPair.publicKey.export({ format: 'jwk' }), jku: 'http://127.0.0.1:1/jwks' },
        claims(),
      ),
  ],
  ['whose key is a path', 'token of an unknown key', () => forged({ kid: '../../../dev/null' }, claims())],
  ['whose key is a query', 'token of an unknown key', () => forged({ kid: "' OR 1=1 --" }, claims())],
  [
    'unsigned',
    'token with another algorithm',
    () => `${encode({ alg: 'none' })}.${encode(claims())}.${encode('x')}`,
  ],
  [
    'unsigned, without even a signature',
    'token with another algorithm',
    () => `${encode({ alg: 'none' })}.${encode(claims())}.`,
  ],
  [
    'unsigned in capitals',
    'token with another algorithm',
    () => `${encode({ alg: 'NONE' })}.${encode(claims())}.${encode('x')}`,
  ],
  [
    'with a public key taken for a secret',
    'token with another algorithm',
    async () => {
      const text = `${encode({ alg: 'HS256', kid: 'key-0' })}.${encode(claims())}`
      return `${text}.${createHmac('sha256', await idp.publicKey())
        .update(text)
        .digest('base64url')}`
    },
  ],
  ['with a header nobody understands', 'token wrong', () => idp.sign({}, { crit: ['exp2'], exp2: 1 })],
  ['of another type', 'token of another type', () => idp.sign({}, { typ: 'logout+jwt' })],
  [
    'with a claim twice',
    'token malformed',
    () => {
      const text = JSON.stringify(claims()).replace('"sub"', '"sub":"admin","sub"')
      return `${encode({ alg: 'ES256', kid: 'key-0' })}.${encode(text)}.${encode('x')}`
    },
  ],
  [
    'with a header member twice',
    'token malformed',
    () => `${encode('{"alg":"none","alg":"ES256"}')}.${encode(claims())}.${encode('x')}`,
  ],
  [
    'of bytes that are no text',
    'token malformed',
    () => `${encode({ alg: 'ES256' })}.${Buffer.from([0x7b, 0xff]).toString('base64url')}.x`,
  ],
  ['in two parts', 'token malformed', () => `${encode({ alg: 'ES256' })}.${encode(claims())}`],
  ['in five parts', 'token malformed', () => `${encode({ alg: 'dir' })}.a.b.c.d`],
  ['with padding', 'token malformed', () => `${encode({ alg: 'ES256' })}=.${encode(claims())}.x`],
  ['too long', 'malformed', () => idp.sign({ filler: 'x'.repeat(8000) })],
  ['of the gate’s own kind, which is no issuer’s', 'malformed', () => idp.sign({}, { typ: 'torwart+jwt' })],
]
const routes: readonly (readonly [string, object, object])[] = [
  ['/api/chat', chat, { error: expect.any(String) }],
  ['/v1/chat/completions', chat, { error: { code: 'invalid_credentials' } }],
  ['/v1/responses', { model: name, input: 'hi' }, { error: { code: 'invalid_credentials' } }],
  ['/v1/rerank', { model: name, query: 'q', documents: ['d'] }, { error: { message: expect.any(String) } }],
  ['/v1/audio/transcriptions', {}, { error: { message: expect.any(String) } }],
  ['/v1/messages', { ...chat, max_tokens: 10 }, { type: 'error', error: { type: 'authentication_error' } }],
]

describe('a token that is', () => {
  it.each(wrong)(
    '%s is refused like any other, and told as “%s”',
    { timeout: 60_000 },
    async (_what, reason, make) => {
      const token = await make()
      const forwarded = model.posts.length
      const before = await metric(reason)
      // At once: who names a key that nobody knows waits for the next look at the issuer's.
      const refused = routes.map(async ([path, body, shape]) => {
        const answers = await Promise.all([ask(token, path, body), ask(mintKey().key, path, body)])
        const texts = await Promise.all(answers.map((answer) => answer.text()))
        expect(answers.map(({ status }) => status)).toEqual([401, 401])
        expect(JSON.parse(texts[0] ?? '')).toMatchObject(shape)
        const [one, other] = texts.map((text) => text.replaceAll(/"request_id":"[^"]*"/g, ''))
        expect(one).toBe(other)
      })
      await Promise.all(refused)
      expect(await metric(reason)).toBe(before + routes.length)
      expect(model.posts.length).toBe(forwarded)
      expect(gate.logged()).toContain(`"reason":"${reason}"`)
      expect(gate.logged()).not.toContain(token.slice(0, 60))
    },
  )

  it('a little late, within the tolerance, is the harmless twin', async () => {
    expect((await ask(await idp.sign({ exp: seconds() - 10 }))).status).toBe(200)
    expect((await ask(await idp.sign({ nbf: seconds() + 10 }))).status).toBe(200)
    expect((await ask(await idp.sign({ aud: ['other', audience] }))).status).toBe(200)
    expect((await ask(await idp.sign({}, { typ: 'at+jwt' }))).status).toBe(200)
  })
})

describe('a token that was accepted', () => {
  it('is not kept longer than it is good', async () => {
    // Within the tolerance for two more seconds.
    const token = await idp.sign({ exp: seconds() - 28 })
    expect((await ask(token)).status).toBe(200)
    await until(async () => (await ask(token)).status === 401)
    expect(await metric('token expired')).toBeGreaterThan(0)
  })

  it('counts for what its audience is, where one issuer serves several', async () => {
    const entry = (aud: string, of: string) =>
      `  - { issuer: "${idp.url}", audience: ${aud}, jwksUrl: "${idp.url}/jwks", role: ${of} }\n`
    const more = `jwt:\n${entry('for-lists', 'narrow')}${entry(audience, 'agent')}`
    const both = await startGate({ upstream: model.url, role: wideAndNarrow, more })
    const statusFor = async (aud: string) =>
      (await both.post('/api/chat', chat, bearer(await idp.sign({ aud })))).status
    expect(await statusFor(audience)).toBe(200)
    expect(await statusFor('for-lists')).toBe(403)
    expect(await statusFor('for-nobody')).toBe(401)
    await both.close()
  })
})

describe('the keys of an issuer', () => {
  const own = async (issuer: Issuer, more: string, intervals: Partial<Intervals> = {}) =>
    startGate({
      upstream: model.url,
      intervals,
      role: wideAndNarrow,
      more: `door: { failuresPerMinute: 100000 }\njwt: [{ issuer: "${issuer.url}", audience: ${audience}, ${more}, role: agent }]\n`,
    })
  const asking = (running: RunningGate, token: string) => running.get('/api/tags', bearer(token))

  it('are fetched once for many, and rolled over under load without a failed request', async () => {
    const issuer = await startIssuer()
    const running = await own(issuer, `jwksUrl: "${issuer.url}/jwks"`)
    let over = false
    let answered = 0
    const load = async () => {
      while (!over) {
        expect((await asking(running, await issuer.sign({ jti: `${answered}` }))).status).toBe(200)
        answered++
      }
    }
    const loads = [load(), load(), load(), load()]
    await until(() => answered > 20)
    expect(issuer.asked).toHaveLength(1)
    for (const rolled of [2, 3]) {
      await issuer.roll()
      const before = answered
      await until(() => issuer.asked.length === rolled && answered > before + 20)
    }
    over = true
    await Promise.all(loads)
    await running.close()
    await issuer.close()
  })

  it('that were withdrawn verify nothing any more, kept or not', async () => {
    const issuer = await startIssuer()
    const running = await own(issuer, `jwksUrl: "${issuer.url}/jwks"`)
    const old = await issuer.sign()
    expect((await asking(running, old)).status).toBe(200)
    expect((await asking(running, old)).status).toBe(200)
    await issuer.roll(false)
    expect((await asking(running, await issuer.sign())).status).toBe(200)
    expect((await asking(running, old)).status).toBe(401)
    await running.close()
    await issuer.close()
  })

  it('are not fetched as often as strangers name keys', async () => {
    const issuer = await startIssuer()
    const { issuerKeysMs } = standardIntervals
    const running = await own(issuer, `jwksUrl: "${issuer.url}/jwks"`, { issuerKeysMs })
    expect((await asking(running, await issuer.sign())).status).toBe(200)
    const beganMs = performance.now()
    const strangers = Array.from({ length: 200 }, (_each, index) =>
      asking(running, forged({ kid: `evil-${index}` }, claims({ iss: issuer.url }))),
    )
    for (const { status } of await Promise.all(strangers)) expect(status).toBe(401)
    // Once for the first token, once for the first stranger, and then once an interval, however long they take.
    const intervals = Math.ceil((performance.now() - beganMs) / issuerKeysMs)
    expect(issuer.asked.length).toBeLessThanOrEqual(2 + intervals)
    await running.close()
    await issuer.close()
  })

  it('hold while the issuer is away, and its absence is told', async () => {
    const issuer = await startIssuer()
    const running = await own(issuer, `jwksUrl: "${issuer.url}/jwks"`)
    expect((await asking(running, await issuer.sign())).status).toBe(200)
    issuer.answer = (_path, response) => response.writeHead(500).end()
    expect((await asking(running, forged({ kid: 'evil' }, claims({ iss: issuer.url })))).status).toBe(401)
    expect(running.logged()).toContain('the response has status 500')
    expect((await asking(running, await issuer.sign({ jti: 'another' }))).status).toBe(200)
    await running.close()
    await issuer.close()
  })

  it('are not fetched through a redirect', async () => {
    const issuer = await startIssuer()
    const token = await issuer.sign()
    issuer.answer = (_path, response) =>
      response.writeHead(302, { location: `${issuer.url}/elsewhere` }).end()
    const running = await own(issuer, `jwksUrl: "${issuer.url}/jwks"`)
    expect((await asking(running, token)).status).toBe(401)
    expect(issuer.asked).toEqual(['/jwks'])
    expect(running.logged()).toContain('keys of the issuer unavailable')
    await running.close()
    await issuer.close()
  })

  it.each([
    ['too long', (): string => `{"keys":[],"filler":"${'x'.repeat(300_000)}"}`],
    ['too many', (): string => JSON.stringify({ keys: Array(101).fill({ kty: 'EC' }) })],
    ['no JSON', (): string => '<html>'],
    [
      'a discovery document of another issuer',
      (): string => '{"issuer":"https://evil.example","jwks_uri":"https://evil.example/k"}',
    ],
    [
      'a discovery document that leads to plain HTTP',
      (url: string): string => JSON.stringify({ issuer: url, jwks_uri: 'http://10.0.0.1/jwks' }),
    ],
  ] as const)('are none where the answer is %s', async (_what, text) => {
    const issuer = await startIssuer()
    const token = await issuer.sign()
    issuer.answer = (_path, response) => response.end(text(issuer.url))
    const running = await own(issuer, 'algorithms: [ES256]')
    expect((await asking(running, token)).status).toBe(401)
    expect(running.logged()).toContain('keys cannot be fetched')
    expect(issuer.asked).toHaveLength(1)
    await running.close()
    await issuer.close()
  })

  it('are no secrets, even if one is published', async () => {
    const issuer = await startIssuer()
    issuer.published.push({ kty: 'oct', kid: 'shared', k: encode('secret-secret-secret-secret-secret') })
    const running = await own(issuer, `jwksUrl: "${issuer.url}/jwks"`)
    const text = `${encode({ alg: 'HS256', kid: 'shared' })}.${encode(claims({ iss: issuer.url }))}`
    const mac = createHmac('sha256', 'secret-secret-secret-secret-secret').update(text).digest('base64url')
    expect((await asking(running, `${text}.${mac}`)).status).toBe(401)
    expect((await asking(running, await issuer.sign())).status).toBe(200)
    await running.close()
    await issuer.close()
  })

  it('come from a file too, which is read again when it changes', async () => {
    const issuer = await startIssuer()
    const path = join(gate.folder, 'issuer.pem')
    writeFileSync(path, await issuer.publicKey())
    const running = await own(issuer, `publicKey: "${path}"`)
    const old = await issuer.sign()
    expect((await asking(running, old)).status).toBe(200)
    await issuer.roll()
    writeFileSync(path, await issuer.publicKey())
    const renewed = await issuer.sign()
    await until(async () => (await asking(running, renewed)).status === 200)
    expect((await asking(running, old)).status).toBe(401)
    writeFileSync(path, 'no key')
    await until(
      () =>
        running.logged().includes('cannot read its public key file') ||
        asking(running, renewed).then(() => false),
    )
    expect((await asking(running, renewed)).status).toBe(200)
    expect(issuer.asked).toEqual([])
    await running.close()
    await issuer.close()
  })

  it('outlive a reload, and a token that was accepted gets its new role at once', async () => {
    const issuer = await startIssuer()
    const running = await own(issuer, `jwksUrl: "${issuer.url}/jwks"`)
    const token = await issuer.sign()
    const post = () => running.post('/api/chat', chat, bearer(token))
    expect((await post()).status).toBe(200)
    running.reload()
    expect((await post()).status).toBe(200)
    expect(issuer.asked).toHaveLength(1)
    writeFileSync(
      running.policyFile,
      readFileSync(running.policyFile, 'utf8').replace('role: agent }]', 'role: narrow }]'),
    )
    running.reload()
    expect((await post()).status).toBe(403)
    await running.close()
    await issuer.close()
  })
})
