/** Prefixes that are passed through: who may, what reaches the server, what comes back, and what the record says. */
import { writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, policyText, type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, type Script, startModelServer } from '../rig/model-server.ts'
import { rawRequest, sendRaw } from '../rig/raw.ts'
import { until } from '../rig/wait.ts'

const pageText = '<!doctype html><title>LocalAI</title><link href="app.css"><script src="app.js"></script>'
const page: Script = (_seen, response) => {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    etag: '"v1"',
    'cache-control': 'max-age=60',
    'content-security-policy': "default-src 'self'",
    'set-cookie': 'session=theirs',
    'x-powered-by': 'the server',
    'access-control-allow-origin': '*',
  })
  response.end(pageText)
}

const operator = mintKey()
const rules = `passthrough:
  - { prefix: /localai/, upstream: local, stripPrefix: true, roles: [operator], methods: [GET, HEAD, POST, PUT] }
  - { prefix: /metrics, upstream: local, roles: [operator, agent] }
`
const roleOf = (more = 'limits: { requestsPerMinute: 100000 }') => `    routes: [chat]
    models: ["smollm2:*"]
  operator:
    routes: [models]
    models: ["smollm2:*"]
    caps: { body: 64KiB }
    ${more}`

let model: ModelServer
let gate: RunningGate
const as = { authorization: `Bearer ${operator.key}` }

const open = async (role = roleOf(), more = rules, listen?: string) =>
  startGate({
    upstream: model.url,
    kind: 'localai',
    upstreamMore: 'key: the-own-key-of-the-server',
    role,
    more,
    ...(listen === undefined ? {} : { listen }),
    keys: [entryOf(operator.key, operator.id, 'operator')],
  })

beforeAll(async () => {
  model = await startModelServer(page)
  gate = await open()
})
afterAll(async () => {
  await gate?.close()
  await model?.close()
})
beforeEach(() => {
  model.seen.length = 0
  model.script = page
})

const seen = () => model.seen.filter(({ headers }) => headers.traceparent !== undefined)
const last = async (at: RunningGate = gate) => until(() => at.requests().at(-1))
const get = (path: string, headers: Record<string, string> = {}, at = gate) =>
  fetch(at.data + path, { headers: { ...as, ...headers }, redirect: 'manual' })
const codeOf = async (sent: Promise<Response>) => {
  const response = await sent
  await response.text()
  return `${response.status} ${response.headers.get('x-torwart-code')}`
}

describe('a pass-through', () => {
  it('brings pages as they are, with allowed headers only', async () => {
    const response = await get('/localai/')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe(pageText)
    const { headers } = response
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(headers.get('etag')).toBe('"v1"')
    expect(headers.get('content-security-policy')).toBe("default-src 'self'")
    expect(headers.get('x-torwart-guards')).toBe('passthrough=unread')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    for (const name of ['set-cookie', 'x-powered-by', 'access-control-allow-origin'])
      expect([name, headers.get(name)]).toEqual([name, null])
  })

  it('takes the prefix away where the rule says so, and keeps the query', async () => {
    for (const path of [
      '/localai',
      '/localai/',
      '/localai/browse/',
      '/localai/a/b.js?term=a%20b&x=1',
      '/metrics',
      '/metrics/x?y',
    ])
      await (await get(path)).text()
    expect(seen().map(({ url }) => url)).toEqual([
      '/',
      '/',
      '/browse/',
      '/a/b.js?term=a%20b&x=1',
      '/metrics',
      '/metrics/x?y',
    ])
    expect(seen()[1]?.headers).toMatchObject({
      'x-forwarded-prefix': '/localai',
      'x-forwarded-proto': 'http',
    })
    expect(seen()[1]?.headers['x-forwarded-host']).toBe(new URL(gate.data).host)
    expect(seen()[4]?.headers['x-forwarded-prefix']).toBeUndefined()
  })

  it('gives no credential of the client to the server, only the one that it wants', async () => {
    await (
      await get('/localai/', {
        'x-api-key': operator.key,
        'api-key': operator.key,
        cookie: `token=${operator.key}`,
        'proxy-authorization': `Basic ${btoa(`x:${operator.key}`)}`,
        'x-secret': operator.key,
        origin: 'https://app.example.org',
        referer: `http://x/?key=${operator.key}`,
        'x-forwarded-for': '203.0.113.7',
        'accept-language': 'de',
      })
    ).text()
    const [{ headers } = { headers: {} }] = seen()
    expect(JSON.stringify(headers)).not.toContain(operator.key)
    expect(headers).toMatchObject({
      authorization: 'Bearer the-own-key-of-the-server',
      'accept-language': 'de',
      'user-agent': 'torwart',
    })
    expect(Object.keys(headers).sort()).toEqual([
      'accept',
      'accept-encoding',
      'accept-language',
      'authorization',
      'connection',
      'host',
      'traceparent',
      'user-agent',
      'x-forwarded-host',
      'x-forwarded-prefix',
      'x-forwarded-proto',
    ])
    for (const query of ['access_token', 'a=1&API_KEY', 'apikey', 'x;api-key'])
      expect(await codeOf(get(`/localai/?${query}=${operator.key}`))).toBe('400 invalid_request')
    expect(seen()).toHaveLength(1)
  })

  it('leaves one record a request, with bytes and without the query', async () => {
    model.script = ({ text }, response) => void response.end(text.toUpperCase())
    const response = await fetch(`${gate.data}/localai/upload?secret=value`, {
      method: 'POST',
      headers: as,
      body: 'some text',
    })
    expect(await response.text()).toBe('SOME TEXT')
    const record = await last()
    expect(record).toMatchObject({
      id: response.headers.get('x-request-id'),
      identity: { id: operator.id, role: 'operator' },
      route: '/localai/*',
      upstream: 'local',
      passthrough: { method: 'POST', path: '/upload', bytesIn: 9, bytesOut: 9 },
      unread: ['passthrough'],
      model: null,
      ending: { kind: 'answered', status: 200 },
    })
    expect(JSON.stringify(record)).not.toContain('secret')
    expect(JSON.stringify(record)).not.toMatch(/some text/i)
  })

  it('masks personal data in the path of a record', async () => {
    await (await get('/localai/users/anna.schmidt@example.org')).text()
    expect(JSON.stringify(await last())).not.toContain('anna.schmidt')
  })
})

describe('who may pass', () => {
  it('asks strangers for a key, as browsers understand it', async () => {
    const response = await fetch(`${gate.data}/localai/`)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toMatch(/^Basic /)
    const basic = { authorization: `Basic ${btoa(`me:${operator.key}`)}` }
    expect((await fetch(`${gate.data}/localai/`, { headers: basic })).status).toBe(200)
    expect(seen()).toHaveLength(1)
  })

  it('refuses roles and methods that the rule does not name', async () => {
    const other = { authorization: `Bearer ${gate.key}` }
    expect(await codeOf(get('/localai/', other))).toBe('403 route_not_allowed')
    expect(await codeOf(get('/metrics', other))).toBe('200 null')
    const send = (method: string, path: string) => codeOf(fetch(gate.data + path, { method, headers: as }))
    expect(await send('PUT', '/localai/x')).toBe('200 null')
    expect(await send('DELETE', '/localai/x')).toBe('405 method_not_allowed')
    expect(await send('POST', '/metrics')).toBe('405 method_not_allowed')
    expect(await send('HEAD', '/metrics')).toBe('200 null')
  })

  it('does not let a token in that is limited to what is not read here', async () => {
    const mint = async (wish: object) => {
      const response = await fetch(`${gate.data}/torwart/v1/tokens`, {
        method: 'POST',
        headers: { ...as, 'content-type': 'application/json' },
        body: JSON.stringify(wish),
      })
      const { token } = (await response.json()) as { token: string }
      return { authorization: `Bearer ${token}` }
    }
    expect(await codeOf(get('/localai/', await mint({})))).toBe('200 null')
    for (const wish of [{ routes: ['models'] }, { models: ['smollm2:*'] }, { tools: ['search'] }])
      expect(await codeOf(get('/localai/', await mint(wish)))).toBe('403 route_not_allowed')
  })

  it('is no way around the guards of routes that the gateway serves', async () => {
    for (const path of [
      '/v1/chat/completions',
      '/chat/completions',
      '/v1/completions/',
      '/api/chat',
      '/v1/embeddings',
      '/V1/chat/completions',
      '/v1/mcp/chat/completions',
      '/api/v0/chat/completions',
      '/v1/realtime/calls',
      '/infill',
      `/api/blobs/sha256:${'0'.repeat(64)}`,
    ])
      expect([
        path,
        await codeOf(fetch(`${gate.data}/localai${path}`, { method: 'POST', headers: as, body: '{}' })),
      ]).toEqual([path, '403 route_not_allowed'])
    expect(seen()).toEqual([])
  })

  it('refuses what another site has a browser change', async () => {
    const post = (headers: Record<string, string>) =>
      codeOf(fetch(`${gate.data}/localai/x`, { method: 'POST', headers: { ...as, ...headers }, body: 'a=1' }))
    expect(await post({ origin: 'https://evil.example' })).toBe('403 route_not_allowed')
    expect(await post({ origin: 'null' })).toBe('403 route_not_allowed')
    expect(await post({ 'sec-fetch-site': 'cross-site' })).toBe('403 route_not_allowed')
    expect(await post({ 'sec-fetch-site': 'same-site', origin: gate.data })).toBe('403 route_not_allowed')
    expect(await post({ 'sec-fetch-site': 'same-origin', origin: gate.data })).toBe('200 null')
  })
})

describe('hostile targets', () => {
  it('never reach the server', async () => {
    const targets = [
      '/localai/../api/chat',
      '/localai/%2e%2e/x',
      '/localai/..%2fx',
      '/localai/%252e%252e/x',
      '/localai//x',
      '/localai/a//',
      '/localai///',
      '/localai/./x',
      '/localai/x%2fy',
      '/localai/x%00',
      '/localai/x\\y',
      '/localai/..;/x',
      '/localai%2f',
      '/localaix',
      '/LOCALAI/',
      `http://127.0.0.1:1/localai/`,
      '/localai/?q=%zz',
      '/localai/?q="',
      `/localai/?${'q'.repeat(5000)}`,
      '/localai/#x',
      `/localai/${'x'.repeat(600)}`,
    ]
    for (const target of targets) {
      const { status } = await sendRaw(
        gate.data,
        rawRequest(`GET ${target} HTTP/1.1`, [`authorization: ${as.authorization}`, 'connection: close']),
      )
      expect([target, status >= 400 && status < 500]).toEqual([target, true])
    }
    expect(seen()).toEqual([])
  })

  it('of a WebSocket are refused, and told why', async () => {
    const { status, text } = await sendRaw(
      gate.data,
      rawRequest('GET /localai/ws HTTP/1.1', [
        `authorization: ${as.authorization}`,
        'connection: upgrade',
        'upgrade: websocket',
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version: 13',
      ]),
    )
    expect(status).toBe(404)
    expect(text).toContain('WebSockets')
    expect(seen()).toEqual([])
  })
})

describe('redirects', () => {
  const redirected = async (location: string, path = '/localai/x', at = gate) => {
    model.script = (_seen, response) => void response.writeHead(302, { location }).end()
    const response = await get(path, {}, at)
    await response.text()
    return response.status === 302 ? response.headers.get('location') : response.status
  }

  it('are not followed, and lead to the same place at the gateway', async () => {
    expect(await redirected('/login?next=1')).toBe('/localai/login?next=1')
    expect(await redirected('y/')).toBe('/localai/y/')
    expect(await redirected(`${model.url}/y`)).toBe('/localai/y')
    expect(await redirected('/metrics/all', '/metrics')).toBe('/metrics/all')
    expect(seen()).toHaveLength(4)
  })

  it('out of the prefix are refused', async () => {
    for (const location of [
      'https://evil.example/',
      '//evil.example/',
      'javascript:alert(1)',
      '/a//b',
      '/%41/x',
      'http://[',
    ])
      expect([location, await redirected(location)]).toEqual([location, 502])
    for (const location of ['/', '/metricsx', '/login'])
      expect([location, await redirected(location, '/metrics')]).toEqual([location, 502])
  })
})

describe('limits', () => {
  it('count a pass-through as a request, and as one that runs', async () => {
    const limited = await open(roleOf('limits: { requestsPerMinute: 3, concurrent: 1, waiting: 0 }'))
    try {
      let release = () => {}
      model.script = (_seen, response) => {
        release = () => void response.end('late')
      }
      const first = get('/localai/1', {}, limited)
      await until(() => seen().length === 1)
      expect(await codeOf(get('/localai/2', {}, limited))).toBe('429 too_many_concurrent')
      release()
      expect(await (await first).text()).toBe('late')
      model.script = page
      await until(async () => (await codeOf(get('/localai/3', {}, limited))) === '429 rate_limited')
    } finally {
      await limited.close()
    }
  })

  it('bound the body, which is streamed', async () => {
    model.script = ({ text }, response) => void response.end(String(text.length))
    const post = (body: string) => fetch(`${gate.data}/localai/x`, { method: 'POST', headers: as, body })
    expect(await (await post('x'.repeat(65_536))).text()).toBe('65536')
    expect(await codeOf(post('x'.repeat(65_537)))).toBe('413 body_too_large')
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sending = httpRequest(`${gate.data}/localai/x`, { method: 'POST', headers: as }, resolve).on(
        'error',
        reject,
      )
      for (let piece = 0; piece < 3; piece++) sending.write('x'.repeat(30_000))
      sending.end()
    })
    expect(answer.statusCode).toBe(413)
    expect(await last()).toMatchObject({ ending: { kind: 'refused', code: 'body_too_large' } })
  })
})

describe('streams', () => {
  it('arrive piece by piece, and end on record', async () => {
    let next = (_text: string) => {}
    let end = () => {}
    model.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      next = (text) => void response.write(text)
      end = () => void response.end()
      next('data: 1\n\n')
    }
    const response = await get('/localai/events')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    const reader = response.body?.getReader()
    const read = async () => new TextDecoder().decode((await reader?.read())?.value)
    expect(await read()).toBe('data: 1\n\n')
    next('data: 2\n\n')
    expect(await read()).toBe('data: 2\n\n')
    end()
    expect(await read()).toBe('')
    expect(await last()).toMatchObject({ passthrough: { bytesOut: 18 }, ending: { kind: 'answered' } })
  })

  it('stop at the server when the client leaves, before and after the first byte', async () => {
    for (const begins of [false, true]) {
      model.seen.length = 0
      model.script = (_seen, response) => void (begins && response.write('begun'))
      const leaving = new AbortController()
      const sent = fetch(`${gate.data}/localai/slow`, { headers: as, signal: leaving.signal })
      if (begins) await sent
      const [one] = await until(() => seen().length > 0 && seen())
      leaving.abort()
      await sent.catch(() => {})
      await one?.left
      await until(async () => (await last()).ending)
      expect((await last()).ending).toMatchObject({ kind: 'aborted' })
    }
  })

  it('end when their caller is frozen, and when the server breaks off', async () => {
    const frozen = await open()
    try {
      model.script = (_seen, response) => void response.write('begun')
      const response = await get('/localai/slow', {}, frozen)
      const [one] = await until(() => seen().length > 0 && seen())
      await cli(['freeze', 'key', operator.id, '--why', 'w', '-c', frozen.policyFile])
      await expect(response.text()).rejects.toThrow()
      await one?.left
      const record = await until(() => frozen.requests().at(-1))
      expect(record).toMatchObject({
        ending: { kind: 'cut', code: 'frozen', status: 200 },
        passthrough: { bytesOut: 5 },
      })
      expect(await codeOf(get('/localai/', {}, frozen))).toBe('403 frozen')
    } finally {
      await frozen.close()
    }
    model.script = (_seen, response) => {
      response.write('begun')
      setImmediate(() => response.destroy())
    }
    await expect((await get('/localai/broken')).text()).rejects.toThrow()
    await until(async () => ((await last()).ending as { kind: string }).kind === 'cut')
  })

  it('that are no HTTP are a failure of the server', async () => {
    model.script = (_seen, response) => void response.socket?.end('no HTTP at all\r\n\r\n')
    expect(await codeOf(get('/localai/x'))).toBe('502 upstream_failed')
  })

  it('have no body where HTTP has none', async () => {
    model.script = (_seen, response) => void response.writeHead(200, { 'content-length': '7' }).end()
    const head = await fetch(`${gate.data}/localai/x`, { method: 'HEAD', headers: as })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '7'])
    model.script = (_seen, response) => void response.writeHead(304, { etag: '"v1"' }).end()
    const unchanged = await get('/localai/x', { 'if-none-match': '"v1"' })
    expect([unchanged.status, unchanged.headers.get('etag'), await unchanged.text()]).toEqual([
      304,
      '"v1"',
      '',
    ])
    expect(seen().at(-1)?.headers['if-none-match']).toBe('"v1"')
  })
})

describe('a reload', () => {
  let changed: RunningGate | undefined
  afterEach(() => changed?.close())

  it('takes a rule or a role away at once', async () => {
    changed = await open()
    const at = changed
    const write = (more: string) =>
      writeFileSync(
        at.policyFile,
        policyText({
          upstream: model.url,
          kind: 'localai',
          role: roleOf(),
          more,
          auditFile: undefined,
        } as never),
      )
    expect(await codeOf(get('/localai/', {}, at))).toBe('200 null')
    write(rules.replace('roles: [operator], methods', 'roles: [agent], methods'))
    await until(async () => (await codeOf(get('/localai/', {}, at))) === '403 route_not_allowed')
    write('')
    await until(async () => (await codeOf(get('/localai/', {}, at))) === '404 not_found')
  })
})

describe('below a prefix of the listener', () => {
  let below: RunningGate | undefined
  afterEach(() => below?.close())

  it('links and redirects have both', async () => {
    below = await open(roleOf(), rules, 'prefix: /ai')
    await (await get('/ai/localai/x', {}, below)).text()
    expect(seen()[0]).toMatchObject({ url: '/x', headers: { 'x-forwarded-prefix': '/ai/localai' } })
    model.script = (_seen, response) => void response.writeHead(302, { location: '/y' }).end()
    expect((await get('/ai/localai/x', {}, below)).headers.get('location')).toBe('/ai/localai/y')
    expect((await get('/localai/x', {}, below)).status).toBe(404)
  })
})
