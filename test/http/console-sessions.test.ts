/** Signing in to the console: who may, what a session is good for, and what attacks it withstands. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { changeKeyFile, disabledKey } from '../../src/auth/api-keys/key-changes.ts'
import { type Call, type SignedIn, send, signIn } from '../rig/console.ts'
import { entryOf, type GateSettings, type RunningGate, startGate } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

const token = 'a-token-long-enough'
const boss = mintKey()
const eye = mintKey()
const both = mintKey()
const worker = mintKey()
const keys = [
  { ...entryOf(boss.key, boss.id, 'quiet'), name: 'boss' },
  { ...entryOf(eye.key, eye.id, 'auditor'), name: 'eye' },
  { ...entryOf(both.key, both.id, 'auditor'), name: 'both' },
  { ...entryOf(worker.key, worker.id), name: 'worker' },
]
const settings: GateSettings = {
  // Nobody is asked here.
  upstream: 'http://127.0.0.1:1',
  admin: `token: ${token}, viewers: [auditor], hosts: [gate.example, other.example]`,
  role: `    routes: [chat]
    models: ["smollm2:*"]
  quiet: { routes: [] }
  auditor: { routes: [] }`,
  more: 'approval: { approvers: [boss, both] }\ndoor: { failuresPerMinute: 1000 }\n',
  keys,
}

const open: RunningGate[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})
async function start(more: Partial<GateSettings> = {}): Promise<RunningGate> {
  const gate = await startGate({ ...settings, ...more })
  open.push(gate)
  return gate
}

const session = '/console/api/session'
const events = (gate: RunningGate, name: string) => gate.records().filter(({ event }) => event === name)
const mend = { ok: 'ok' }
const secretOf = (link = '') => link.split('#link=')[1] ?? ''

describe('signing in to the console', () => {
  let gate: RunningGate
  beforeAll(async () => {
    gate = await startGate(settings)
  })
  afterAll(() => gate.close())

  it.each([
    ['the admin token, without what is left to approvers,', { token }, 'admin', ['read', 'admin']],
    ['an approver’s key', { key: boss.key }, 'approver', ['approve']],
    ['a viewer’s key', { key: eye.key }, 'viewer', ['read']],
    ['a key that is in both lists', { key: both.key }, 'approver', ['read', 'approve']],
  ])('takes %s', async (_what, credential, role, rights) => {
    const { view, cookie, send: ask } = await signIn(gate.admin, credential)
    expect(view).toMatchObject({ role, rights, idleSeconds: 900 })
    expect(Date.parse(String(view.expiresAt)) - Date.now()).toBeLessThanOrEqual(8 * 3_600_000)
    expect(cookie).toMatch(/^torwart_session=[\w-]{43}$/)
    expect((await ask(session)).json()).toEqual({ ...view, expiresAt: expect.any(String) })
  })

  it('lets the holder of the admin token approve where no approvers are named', async () => {
    const own = await start({ more: '', keys: [] })
    expect((await signIn(own.admin, { token })).view.rights).toEqual(['read', 'approve', 'admin'])
    expect((await signIn(own.admin, { link: secretOf(own.makeSignInLink()) })).view.rights).toEqual([
      'read',
      'approve',
      'admin',
    ])
  })

  it.each([
    ['a wrong token', { token: `${token}x` }, 401],
    ['a key of no approver or viewer', { key: worker.key }, 401],
    ['a key that does not exist', { key: mintKey().key }, 401],
    ['a link that nobody made', { link: 'x'.repeat(43) }, 401],
    ['the token as a key', { key: token }, 401],
    ['two credentials at once', { token, key: boss.key }, 400],
    ['nothing', {}, 400],
    ['a body that is no JSON', 'token=a-token-long-enough', 400],
  ])('refuses %s', async (_what, body, status) => {
    const headers = typeof body === 'string' ? { 'content-type': 'text/plain' } : {}
    const answer = await send(gate.admin, session, { method: 'POST', body, headers })
    expect(answer.status).toBe(status)
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  it('gives a cookie that scripts cannot read and other sites cannot send', async () => {
    const { headers } = await send(gate.admin, session, { method: 'POST', body: { token } })
    expect(headers['set-cookie']?.[0]?.replace(/=[\w-]{43}/, '=…')).toBe(
      'torwart_session=…; Path=/; HttpOnly; SameSite=Strict',
    )
  })

  it('gives a cookie for TLS only where the page came over TLS, and takes no other for that session', async () => {
    const tls = { host: 'gate.example', origin: 'https://gate.example' }
    const signed = await signIn(gate.admin, { token }, tls)
    expect(signed.cookie).toMatch(/^__Host-torwart_session=/)
    expect((await signed.send(session)).status).toBe(200)
    const renamed = signed.cookie.replace('__Host-', '')
    expect((await signed.send(session, { headers: { cookie: renamed } })).status).toBe(401)
  })

  it('makes a new id at every sign-in and ends the session before, so that no id can be planted', async () => {
    const planted = `torwart_session=${'A'.repeat(43)}`
    const first = await signIn(gate.admin, { token }, { cookie: planted })
    expect(first.cookie).not.toBe(planted)
    const second = await signIn(gate.admin, { token }, { cookie: first.cookie })
    expect(second.cookie).not.toBe(first.cookie)
    expect(second.csrf).not.toBe(first.csrf)
    expect((await first.send(session)).status).toBe(401)
    expect((await second.send(session)).status).toBe(200)
  })

  it('takes nothing from a cookie that was stolen, once its owner has signed out', async () => {
    const thief = await signIn(gate.admin, { token })
    expect((await thief.send('/admin/v1/keys')).status).toBe(200)
    const answer = await thief.send(session, { method: 'DELETE' })
    expect(answer.status).toBe(204)
    expect(answer.headers['set-cookie']?.join()).toContain('torwart_session=; Max-Age=0')
    for (const path of [session, '/admin/v1/keys']) {
      const refused = await thief.send(path)
      expect(refused.status).toBe(401)
      expect(refused.json()).toMatchObject({ session: 'over' })
    }
  })

  it('takes a cookie at the host only that it was made for', async () => {
    const signed = await signIn(gate.admin, { token }, { host: 'gate.example' })
    expect((await signed.send('/admin/v1/keys')).status).toBe(200)
    for (const host of ['other.example', 'gate.example:81', '127.0.0.1'])
      expect((await signed.send('/admin/v1/keys', { headers: { host } })).status).toBe(401)
  })

  it('puts sign-in and sign-out on record, with who it was', async () => {
    const { send: ask } = await signIn(gate.admin, { key: eye.key })
    await ask(session, { method: 'DELETE' })
    const by = `eye (key ${eye.id})`
    await until(() => events(gate, 'console sign-out').some((event) => event.by === by))
    expect(events(gate, 'console sign-in')).toContainEqual(
      expect.objectContaining({ by, role: 'viewer', peer: '127.0.0.1' }),
    )
  })

  it('opens at most eight sessions of one credential; the one that was unused for longest ends', async () => {
    const signed: SignedIn[] = []
    for (let index = 0; index < 9; index++) signed.push(await signIn(gate.admin, { key: both.key }))
    const statuses = await Promise.all(signed.map(async (each) => (await each.send(session)).status))
    expect(statuses).toEqual([401, ...Array.from({ length: 8 }, () => 200)])
  })

  describe('a request that changes something', () => {
    let signed: SignedIn
    beforeAll(async () => {
      signed = await signIn(gate.admin, { token })
    })
    const freeze = { method: 'POST', body: { kind: 'key', name: 'nobody1234567', why: 'test' } }
    it.each([
      ['with the token of its session', {}, 201],
      ['without a token', { 'x-torwart-csrf': undefined }, 403],
      ['with an empty token', { 'x-torwart-csrf': '' }, 403],
      ['with another token', { 'x-torwart-csrf': 'A'.repeat(43) }, 403],
      ['from another origin', { origin: 'http://evil.example' }, 403],
      ['from a page without an origin', { origin: 'null' }, 403],
      ['from another site, by the browser’s word', { 'sec-fetch-site': 'cross-site' }, 403],
      ['from another port of this host, by the browser’s word', { 'sec-fetch-site': 'same-site' }, 403],
      ['from this page, by the browser’s word', { 'sec-fetch-site': 'same-origin' }, 201],
      ['with a bearer token that is wrong', { authorization: 'Bearer wrong' }, 401],
    ])('%s is answered accordingly', async (_what, headers, status) => {
      const { cookie, csrf } = signed
      const all = Object.entries({ cookie, 'x-torwart-csrf': csrf, ...headers })
      const given = Object.fromEntries(all.filter(([, value]) => value !== undefined))
      expect((await send(gate.admin, '/admin/v1/freezes', { ...freeze, headers: given })).status).toBe(status)
    })

    it('as a form of another page is refused, whatever its type', async () => {
      const { cookie } = signed
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ])
        for (const origin of ['http://evil.example', undefined]) {
          const headers = { cookie, 'content-type': type, ...(origin ? { origin } : {}) }
          const body = '{"kind":"all","why":"csrf","x":"="}'
          const answer = await send(gate.admin, '/admin/v1/freezes', { method: 'POST', headers, body })
          expect([403, 415]).toContain(answer.status)
        }
    })

    it('is recorded as whoever is signed in, whatever its body says', async () => {
      const body = { ...freeze.body, by: 'somebody else' }
      const answer = await signed.send('/admin/v1/freezes', { ...freeze, body })
      expect(answer.json()).toMatchObject({ by: 'holder of the admin token' })
    })
  })

  it('lets a link to the console stand on other pages, and nothing else of it be fetched by them', async () => {
    const navigation = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await send(gate.admin, '/console/', { headers: navigation })).status).toBe(200)
    const script = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }
    expect((await send(gate.admin, '/console/', { headers: script })).status).toBe(403)
    const { send: ask } = await signIn(gate.admin, { token })
    expect((await ask('/admin/v1/keys', { headers: navigation })).status).toBe(403)
  })

  it('refuses host names that are not its own, also for its pages', async () => {
    for (const path of ['/console/', session, '/console/assets/x.js'])
      expect((await send(gate.admin, path, { headers: { host: 'evil.example' } })).status).toBe(403)
  })
})

describe('a session ends', () => {
  it('when its key is disabled, revoked by command, or named no more', async () => {
    const gate = await start()
    const [first, second] = [
      await signIn(gate.admin, { key: eye.key }),
      await signIn(gate.admin, { key: both.key }),
    ]
    await changeKeyFile(gate.keysFile, (entries) => {
      const entry = entries.find(({ id }) => id === eye.id)
      if (!entry) throw new Error('no such key')
      return disabledKey(entry, Date.now(), 'test')
    })
    expect((await first.send(session)).status).toBe(401)
    expect((await second.send(session)).status).toBe(200)
  })

  it('when its key is rotated in the console', async () => {
    const gate = await start()
    const viewer = await signIn(gate.admin, { key: eye.key })
    const admin = await signIn(gate.admin, { token })
    const answer = await admin.send(`/admin/v1/keys/${eye.id}/rotate`, { method: 'POST', body: {} })
    expect(answer.status).toBe(200)
    expect((await viewer.send(session)).status).toBe(401)
  })

  it('when its key is frozen, and not when everything is', async () => {
    const gate = await start()
    const viewer = await signIn(gate.admin, { key: eye.key })
    const admin = await signIn(gate.admin, { token })
    const freeze = (body: object) => admin.send('/admin/v1/freezes', { method: 'POST', body })
    await freeze({ kind: 'all', why: 'night' })
    expect((await viewer.send('/admin/v1/freezes')).status).toBe(200)
    await freeze({ kind: 'key', name: eye.id, why: 'stolen' })
    expect((await viewer.send('/admin/v1/freezes')).status).toBe(401)
  })
})

describe('guessing at the sign-in', () => {
  it('is throttled and recorded like guessing the admin token', async () => {
    const gate = await start({ more: 'door: { failuresPerMinute: 5 }\n' })
    const statuses: number[] = []
    for (let index = 0; index < 7; index++)
      statuses.push(
        (await send(gate.admin, session, { method: 'POST', body: { token: `guess ${index}` } })).status,
      )
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
    expect(events(gate, 'admin login refused')).toContainEqual(
      expect.objectContaining({ reason: 'console sign-in refused', route: session }),
    )
    expect(gate.logged()).not.toContain('guess')
  })
})

describe('a sign-in link', () => {
  it('signs in once, where the policy has no admin token, and may change things', async () => {
    const gate = await start({ admin: '', role: settings.role ?? '' })
    const link = gate.makeSignInLink() ?? ''
    expect(link.startsWith(`${gate.admin}/console/#link=`)).toBe(true)
    const secret = secretOf(link)
    const signed = await signIn(gate.admin, { link: secret })
    expect(signed.view).toMatchObject({ role: 'admin', who: 'holder of a sign-in link' })
    const body = { kind: 'key', name: 'nobody1234567', why: 'test' }
    expect((await signed.send('/admin/v1/freezes', { method: 'POST', body })).status).toBe(201)
    const again = await send(gate.admin, session, { method: 'POST', body: { link: secret } })
    expect(again.status).toBe(401)
    expect(JSON.stringify(again)).toContain('used already')
  })
})

/** All routes of the admin listener, as Fastify knows them. */
async function routesOf(run: () => Promise<RunningGate>): Promise<{ method: string; path: string }[]> {
  const routes: { method: string; path: string }[] = []
  const collect = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    const own: { method: string; path: string }[] = []
    fastify.addHook('onRoute', ({ method, url }: RouteOptions) => {
      for (const each of [method].flat()) own.push({ method: each, path: url })
      if (url === '/livez') routes.push(...own)
    })
    fastify.addHook('onReady', async () => {
      if (own.some(({ path }) => path === '/livez')) routes.splice(0, routes.length, ...own)
    })
  }
  subscribe('fastify.initialization', collect)
  try {
    await run()
  } finally {
    unsubscribe('fastify.initialization', collect)
  }
  return routes
}

describe('what a role may do', () => {
  /** What a viewer may ask with a body, and what everybody may: they change nothing, or only the session itself. */
  const harmless = new Set([
    `POST ${session}`,
    `DELETE ${session}`,
    'POST /admin/v1/explain',
    'POST /admin/v1/policy/try',
  ])
  const filled = (path: string) => path.replaceAll(/:\w+/g, 'x').replace('*', 'x')

  it('a viewer can use no route that changes something, an approver none but approvals', async () => {
    let gate: RunningGate | undefined
    const routes = await routesOf(async () => {
      gate = await start()
      return gate
    })
    if (!gate) throw new Error('no gate')
    const changing = routes.filter(({ method }) => !['GET', 'HEAD'].includes(method))
    expect(changing.length).toBeGreaterThan(10)
    const viewer = await signIn(gate.admin, { key: eye.key })
    const approver = await signIn(gate.admin, { key: boss.key })
    const call = (method: string): Call => ({ method, body: mend })
    for (const { method, path } of changing) {
      if (harmless.has(`${method} ${path}`)) continue
      const what = `${method} ${path}`
      expect([what, (await viewer.send(filled(path), call(method))).status]).toEqual([what, 403])
      const isApproval = path.startsWith('/admin/v1/approvals/')
      const decided = (await approver.send(filled(path), call(method))).status
      expect([what, isApproval ? [400, 404].includes(decided) : decided]).toEqual([what, isApproval || 403])
    }
    for (const { method, path } of routes) {
      if (method !== 'GET' || !path.startsWith('/admin/v1/') || path === '/admin/v1/live') continue
      const what = `GET ${path}`
      const status = (await approver.send(filled(path))).status
      expect([what, status]).toEqual([what, path === '/admin/v1/approvals' ? 200 : 403])
      expect([what, (await viewer.send(filled(path))).status]).not.toEqual([what, 403])
    }
  })

  it('without any credential nothing but pages and probes answers', async () => {
    let gate: RunningGate | undefined
    const routes = await routesOf(async () => {
      gate = await start()
      return gate
    })
    if (!gate) throw new Error('no gate')
    const isOpen = (path: string) => /^\/(livez|readyz|console(\/.*)?)$/.test(path)
    const closed = routes.filter(({ path }) => !isOpen(path))
    expect(closed.length).toBeGreaterThan(15)
    for (const { method, path } of closed)
      expect([path, (await send(gate.admin, filled(path), { method })).status]).toEqual([path, 401])
  })
})

describe('the pages', () => {
  it('carry the headers that keep others out, and so does every refusal', async () => {
    const gate = await start()
    for (const path of ['/console/', '/console/keys/abc', session, '/admin/v1/keys', '/nothing']) {
      const { headers } = await send(gate.admin, path)
      const policy = String(headers['content-security-policy'])
      expect(policy).toBe(
        "default-src 'none';script-src 'self';style-src 'self';connect-src 'self';img-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
      )
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      })
      expect(headers).not.toHaveProperty('strict-transport-security')
    }
  })

  it('are one page under every address, with scripts that may be kept', async () => {
    const gate = await start()
    const page = await send(gate.admin, '/console/')
    expect(page.status).toBe(200)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect((await send(gate.admin, '/console/audit/abc')).text).toBe(page.text)
    expect((await send(gate.admin, '/console')).headers.location).toBe('/console/')
    const [, script = ''] = /src="(\/console\/assets\/[^"]+\.js)"/.exec(page.text) ?? []
    const asset = await send(gate.admin, script)
    expect(asset.status).toBe(200)
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(asset.headers['content-type']).toContain('javascript')
  })

  it.each([
    '/console/assets/missing.js',
    '/console/assets/..%2f..%2fmain.js',
    '/console/assets/../../../package.json',
    '/console/api/nothing',
    '/console/playground/standalone.html',
    '/console/playground/%2e%2e%2fmain.js',
  ])('do not serve %s', async (path) => {
    const gate = await start()
    const { status, text } = await send(gate.admin, path)
    expect(status).toBe(404)
    expect(text).not.toContain('torwart')
  })

  it('are not there, nor is the sign-in, if the policy wants no console', async () => {
    const gate = await start({ admin: `token: ${token}, console: false` })
    const authorization = `Bearer ${token}`
    const { text: unknown } = await send(gate.admin, '/nothing', { headers: { authorization } })
    for (const path of ['/console', '/console/', '/console/keys', session, '/console/playground']) {
      const answer = await send(gate.admin, path, { headers: { authorization } })
      expect([path, answer.status, answer.text]).toEqual([path, 404, unknown])
      expect((await send(gate.admin, path)).status).toBe(401)
    }
    const answer = await send(gate.admin, session, {
      method: 'POST',
      body: { token },
      headers: { authorization },
    })
    expect(answer.status).toBe(404)
    expect(gate.makeSignInLink()).toBeUndefined()
  })

  it('of the playground need a session, and may connect to nothing', async () => {
    const gate = await start()
    const away = await send(gate.admin, '/console/playground')
    expect([away.status, away.headers.location]).toEqual([302, '/console/'])
    const { send: ask } = await signIn(gate.admin, { key: eye.key })
    const page = await ask('/console/playground')
    expect(page.status).toBe(200)
    expect(page.headers['content-security-policy']).toContain("connect-src 'none'")
    expect(page.headers['content-security-policy']).not.toContain("connect-src 'self'")
    expect(page.text).toMatch(/id="settings">\{"mode":"enforce"/)
    const [, script = ''] = /src="(\/console\/assets\/[^"]+\.js)"/.exec(page.text) ?? []
    // Its worker must have a policy of its own, and is one of these.
    const asset = await send(gate.admin, script)
    expect([asset.status, asset.headers['content-security-policy']]).toEqual([200, "default-src 'none'"])
  })
})
