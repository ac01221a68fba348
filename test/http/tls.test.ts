/** TLS with real sockets: who gets through the handshake, who is refused and how, what a change of files does. */
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { Agent as UndiciAgent, fetch as undiciFetch } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { type Authority, createAuthority, type Leaf } from '../rig/certificates.ts'
import { cli } from '../rig/cli.ts'
import { colours, messages, name } from '../rig/clients.ts'
import { entryOf, type RunningGate, startGate, wideAndNarrow } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { ask } from '../rig/tls.ts'
import { until } from '../rig/wait.ts'

const fingerprintOf = ({ cert }: Leaf) =>
  new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()

let authority: Authority
let stranger: Authority
let model: ModelServer
let gate: RunningGate
let strict: RunningGate
let server: Leaf
let good: Leaf
const other = mintKey()
/** By what is wrong with it. */
let wrong: Readonly<Record<string, Leaf>>

const spiffe = 'spiffe://example.org/ns/prod/sa/agent'
const fine = { subject: '/CN=agent', names: `URI:${spiffe}`, usage: 'clientAuth' }
const more = `certificates:
  - { match: { uri: "spiffe://example.org/ns/prod/sa/*" }, name: workload, role: agent }
door: { failuresPerMinute: 100000 }
`

beforeAll(async () => {
  authority = createAuthority()
  stranger = createAuthority('Somebody else')
  server = authority.issue({ usage: 'serverAuth' })
  good = authority.issue(fine)
  wrong = {
    expired: authority.issue({ ...fine, from: '20200101000000Z', until: '20200201000000Z' }),
    'not yet valid': authority.issue({ ...fine, from: '20400101000000Z', until: '20400201000000Z' }),
    'from elsewhere': stranger.issue(fine),
    'for servers only': authority.issue({ ...fine, usage: 'serverAuth' }),
    revoked: authority.issue(fine),
  }
  authority.revoke(wrong.revoked as Leaf)
  authority.writeCrl()
  const { certFile, crlFile } = authority
  const tls = (clientCert: string) =>
    `{ cert: "${server.certFile}", key: "${server.keyFile}", clientCa: "${certFile}", crl: "${crlFile}", clientCert: ${clientCert} }`
  model = await startModelServer()
  const settings = {
    upstream: model.url,
    more,
    role: wideAndNarrow,
    keys: [entryOf(other.key, other.id, 'narrow')],
  }
  gate = await startGate({ ...settings, tls: tls('optional') })
  strict = await startGate({ ...settings, tls: tls('required') })
})
afterAll(async () => {
  await gate.close()
  await strict.close()
  await model.close()
  authority.close()
  stranger.close()
})

const chat = { model: name, messages, stream: false }
const routes: readonly (readonly [string, object])[] = [
  ['/api/chat', chat],
  ['/v1/chat/completions', chat],
  ['/v1/responses', { model: name, input: 'hi' }],
  ['/v1/messages', { ...chat, max_tokens: 10 }],
]
/** Of dialects whose servers do not stand behind this gate: a stranger is refused before that matters. */
const furtherRoutes: typeof routes = [
  ['/v1/rerank', { model: name, query: 'q', documents: ['d'] }],
  ['/v1/audio/transcriptions', {}],
]
/** Of a refused credential, in the dialect of the route. */
const shapes: Readonly<Record<string, object>> = {
  '/api/chat': { error: expect.any(String) },
  '/v1/chat/completions': { error: { code: 'invalid_credentials', type: expect.any(String) } },
  '/v1/responses': { error: { code: 'invalid_credentials', type: expect.any(String) } },
  '/v1/rerank': { error: { message: expect.any(String) } },
  '/v1/audio/transcriptions': { error: { message: expect.any(String) } },
  '/v1/messages': { type: 'error', error: { type: 'authentication_error' } },
}
const metric = async (of: RunningGate, reason: string, what: string) => {
  const text = await (await fetch(`${of.admin}/metrics`)).text()
  return Number(
    new RegExp(`^torwart_${what}_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
  )
}
const handshakeFailures = (of: RunningGate, reason: string) => metric(of, reason, 'tls_handshake_failures')
const reasons: Readonly<Record<string, string>> = {
  expired: 'certificate expired',
  'not yet valid': 'certificate not yet valid',
  'from elsewhere': 'certificate from elsewhere',
  'for servers only': 'certificate for other use',
  revoked: 'certificate revoked',
}

describe('a client certificate', () => {
  it.each(routes)('identifies by itself on %s, whether asked for or demanded', async (path, body) => {
    for (const each of [gate, strict]) {
      const answer = await ask(each.data + path, { ca: authority.cert, leaf: good }, { body })
      expect(answer.status, answer.text).toBe(200)
      expect(each.requests().at(-1)).toMatchObject({
        identity: { kind: 'certificate', id: `uri:${spiffe}`, name: 'workload', role: 'agent' },
      })
    }
  })

  const faults = Object.keys(reasons)
  it.each(faults)('that is %s is refused with 401 in every dialect’s shape, all alike', async (what) => {
    const before = model.posts.length
    for (const [path, body] of [...routes, ...furtherRoutes]) {
      const answers = await Promise.all(
        [wrong[what], undefined].map((leaf) => ask(gate.data + path, { ca: authority.cert, leaf }, { body })),
      )
      for (const { status, headers, text } of answers) {
        expect([status, headers['x-torwart-code']]).toEqual([401, 'invalid_credentials'])
        expect(JSON.parse(text)).toMatchObject(shapes[path] ?? {})
        expect(text).not.toMatch(/certificate|expired|revoked/)
      }
      const [one, none] = answers.map(({ text }) => text.replaceAll(/req_\w+|"request_id":"[^"]*"/g, ''))
      expect(one).toBe(none)
    }
    expect(model.posts.length).toBe(before)
    expect(await metric(gate, reasons[what] ?? '', 'credential_failures')).toBeGreaterThanOrEqual(
      routes.length,
    )
  })

  it.each(faults)('that is %s refuses even beside a key that is good', async (what) => {
    const headers = { authorization: `Bearer ${gate.key}` }
    const refused = await ask(`${gate.data}/api/tags`, { ca: authority.cert, leaf: wrong[what] }, { headers })
    expect(refused.status).toBe(401)
    const twin = await ask(`${gate.data}/api/tags`, { ca: authority.cert, leaf: good }, { headers })
    expect(twin.status).toBe(200)
  })

  it.each(faults)('that is %s does not get through the handshake where one is demanded', async (what) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const reason = reasons[what] ?? ''
      const before = await handshakeFailures(strict, reason)
      const records = strict.requests().length
      await expect(
        ask(`${strict.data}/api/tags`, { ca: authority.cert, leaf: wrong[what], maxVersion }),
      ).rejects.toThrow()
      await until(async () => (await handshakeFailures(strict, reason)) === before + 1)
      expect(strict.requests().length).toBe(records)
    }
    expect(strict.logged()).toContain(`"reason":"${reasons[what]}"`)
  })

  it('is demanded from those who have none, key or not', async () => {
    const headers = { authorization: `Bearer ${strict.key}` }
    const before = await handshakeFailures(strict, 'no certificate')
    await expect(ask(`${strict.data}/api/tags`, { ca: authority.cert }, { headers })).rejects.toThrow()
    await until(async () => (await handshakeFailures(strict, 'no certificate')) === before + 1)
    const twin = { authorization: `Bearer ${gate.key}` }
    expect((await ask(`${gate.data}/api/tags`, { ca: authority.cert }, { headers: twin })).status).toBe(200)
  })

  it('that no rule knows is none by itself, and does no harm beside a key', async () => {
    const unknown = authority.issue({ ...fine, names: 'URI:spiffe://example.org/ns/test/sa/agent' })
    const client = { ca: authority.cert, leaf: unknown }
    expect((await ask(`${gate.data}/api/tags`, client)).status).toBe(401)
    const headers = { authorization: `Bearer ${gate.key}` }
    expect((await ask(`${gate.data}/api/tags`, client, { headers })).status).toBe(200)
    expect(gate.requests().at(-1)).toMatchObject({
      identity: { kind: 'key', id: gate.keyId, certificate: { name: null } },
    })
  })

  it('beside a key: the key’s role holds, the record names both', async () => {
    const headers = { 'x-api-key': other.key }
    const client = { ca: authority.cert, leaf: good }
    const answer = await ask(`${gate.data}/api/chat`, client, { body: chat, headers })
    expect([answer.status, answer.headers['x-torwart-code']]).toEqual([403, 'route_not_allowed'])
    expect(gate.requests().at(-1)).toMatchObject({
      identity: {
        kind: 'key',
        role: 'narrow',
        certificate: { name: 'workload', fingerprint: expect.any(String) },
      },
    })
    // Without the key the same request passes.
    expect((await ask(`${gate.data}/api/chat`, client, { body: chat })).status).toBe(200)
  })

  it.each([
    ['its name', () => `uri:${spiffe}`],
    ['its fingerprint', () => `sha256:${fingerprintOf(good)}`],
  ])('that is frozen by %s stops its machine, which shows a key as well', async (_what, id) => {
    const client = { ca: authority.cert, leaf: good }
    const tags = (headers: Record<string, string>) => ask(`${gate.data}/api/tags`, client, { headers })
    const at = ['-c', gate.policyFile]
    expect(await cli(['freeze', 'key', id(), '--why', 'w', ...at])).toMatchObject({ code: 0, err: '' })
    for (const headers of [{}, { 'x-api-key': other.key }] as Record<string, string>[])
      expect((await tags(headers)).headers['x-torwart-code']).toBe('frozen')
    // The key itself is not what is frozen.
    const alone = { authorization: `Bearer ${gate.key}` }
    const stripInvisible = await ask(`${gate.data}/api/tags`, { ca: authority.cert }, { headers: alone })
    expect(stripInvisible.status).toBe(200)
    expect((await cli(['unfreeze', 'key', id(), ...at])).code).toBe(0)
    expect((await tags({ 'x-api-key': other.key })).status).toBe(200)
  })

  it('beside a key that is wrong does not help it', async () => {
    const client = { ca: authority.cert, leaf: good }
    const headers = { 'x-api-key': mintKey().key }
    expect((await ask(`${gate.data}/api/tags`, client, { headers })).status).toBe(401)
    expect((await ask(`${gate.data}/`, client, { headers })).status).toBe(401)
    expect((await ask(`${gate.data}/`, client)).text).toBe('Ollama is running')
  })

  it('is asked for anew: no session is resumed that a revocation could not reach', async () => {
    const { hostname, port } = new URL(gate.data)
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const shake = (session?: Buffer) =>
        new Promise<{ reused: boolean; session: Buffer | undefined }>((resolve, reject) => {
          let given: Buffer | undefined
          const socket = connectTls({
            ...{
              host: hostname,
              port: Number(port),
              ca: authority.cert,
              cert: good.cert,
              key: good.key,
              maxVersion,
            },
            ...(session ? { session } : {}),
          })
          socket.on('session', (offered: Buffer) => {
            given = offered
          })
          socket.on('error', reject)
          socket.on('close', () => resolve({ reused, session: given }))
          let reused = false
          socket.on('secureConnect', () => {
            reused = socket.isSessionReused()
            socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            socket.resume()
          })
        })
      const first = await shake()
      expect((await shake(first.session)).reused).toBe(false)
    }
  })
})

describe('the handshake', () => {
  it.each([
    ['an old version', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }],
    ['a cipher without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
    ['HTTP/2 only', { ALPNProtocols: ['h2'] }],
  ] as const)('is refused for %s', async (_what, options) => {
    const { hostname, port } = new URL(gate.data)
    const failed = await new Promise<boolean>((resolve) => {
      const socket = connectTls({
        host: hostname,
        port: Number(port),
        ca: authority.cert,
        ...options,
      } as object)
      socket.on('secureConnect', () => resolve(false))
      socket.on('error', () => resolve(true))
    })
    expect(failed).toBe(true)
    await until(async () => (await handshakeFailures(gate, 'no common ground')) > 0)
  })

  it('is no place for plain HTTP', async () => {
    const { hostname, port } = new URL(gate.data)
    const before = await handshakeFailures(gate, 'plain http')
    const said = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
      let text = ''
      socket.on('data', (piece) => {
        text += piece.toString('latin1')
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
    expect(said).not.toContain('HTTP/1.1')
    await until(async () => (await handshakeFailures(gate, 'plain http')) === before + 1)
  })

  it('that never ends is ended', { timeout: 20_000 }, async () => {
    const { hostname, port } = new URL(gate.data)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    await new Promise((resolve) => socket.on('close', resolve))
    expect(await handshakeFailures(gate, 'timeout')).toBe(1)
  })

  it('leaves requests that are no HTTP their answer', async () => {
    const { hostname, port } = new URL(gate.data)
    const text = await new Promise<string>((resolve) => {
      const socket = connectTls({ host: hostname, port: Number(port), ca: authority.cert }, () =>
        socket.write('?\r\n\r\n'),
      )
      socket.on('data', (piece) => resolve(piece.toString()))
    })
    expect(text).toContain('400 Bad Request')
  })
})

describe('real clients over mTLS', () => {
  const dispatcher = () =>
    new UndiciAgent({ connect: { ca: authority.cert, cert: good.cert, key: good.key } })
  const over = (agent: UndiciAgent) =>
    ((url: string, init: object) =>
      undiciFetch(url, { ...init, dispatcher: agent })) as unknown as typeof fetch

  it('openai', async () => {
    const agent = dispatcher()
    // It insists on a key; an empty header is none.
    const client = new OpenAI({
      baseURL: `${strict.data}/v1`,
      apiKey: 'none',
      defaultHeaders: { authorization: null },
      fetch: over(agent),
    })
    const { choices } = await client.chat.completions.create({ model: name, messages })
    expect(choices[0]?.message.content).toBe(colours)
    let text = ''
    for await (const part of await client.chat.completions.create({ model: name, messages, stream: true }))
      text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe(colours)
    await agent.close()
  })

  it('ollama', async () => {
    const agent = dispatcher()
    const client = new Ollama({ host: strict.data, fetch: over(agent) })
    expect((await client.chat({ model: name, messages })).message.content).toBe(colours)
    expect((await client.list()).models).toHaveLength(2)
    await agent.close()
  })
})

describe('files that change', () => {
  /** A gate whose files are its own. */
  async function own() {
    const ca = createAuthority('Own CA')
    const files = ['cert', 'key', 'ca', 'crl'].map((file) => join(ca.folder, `in-use-${file}.pem`))
    const [cert = '', key = '', clientCa = '', crl = ''] = files
    const install = (leaf: Leaf) => {
      copyFileSync(leaf.certFile, cert)
      copyFileSync(leaf.keyFile, key)
    }
    const first = ca.issue({ subject: '/CN=first', usage: 'serverAuth' })
    install(first)
    copyFileSync(ca.certFile, clientCa)
    copyFileSync(ca.crlFile, crl)
    const tls = `{ cert: "${cert}", key: "${key}", clientCa: "${clientCa}", crl: "${crl}" }`
    const running = await startGate({ upstream: model.url, more, role: wideAndNarrow, tls })
    const close = async () => {
      await running.close()
      ca.close()
    }
    return { ca, running, install, clientCa, crl, cert, close }
  }
  const subjectAt = (url: string, ca: string) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(url)
      const socket = connectTls({ host: hostname, port: Number(port), ca }, () => {
        const subject = String(socket.getPeerCertificate().subject.CN)
        socket.destroy()
        resolve(subject)
      })
      socket.on('error', reject)
    })

  it('rotate the certificate under load without a failed request', async () => {
    const { ca, running, install, close } = await own()
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    const leaf = ca.issue(fine)
    let over = false
    let answered = 0
    const load = async (client: { ca: string; leaf: Leaf; agent?: Agent }) => {
      while (!over) {
        const { status } = await ask(`${running.data}/api/chat`, client, { body: chat })
        expect(status).toBe(200)
        answered++
      }
    }
    const client = { ca: ca.cert, leaf }
    const loads = [load({ ...client, agent }), load({ ...client, agent }), load(client), load(client)]
    for (const subject of ['second', 'third']) {
      install(ca.issue({ subject: `/CN=${subject}`, usage: 'serverAuth' }))
      running.reload()
      const before = answered
      await until(() => answered > before + 20)
      expect(await subjectAt(running.data, ca.cert)).toBe(subject)
    }
    over = true
    await Promise.all(loads)
    agent.destroy()
    expect(running.records().filter(({ event }) => event === 'certificates reloaded')).toHaveLength(2)
    await close()
  })

  it('are noticed without being told', async () => {
    const { ca, running, install, close } = await own()
    install(ca.issue({ subject: '/CN=noticed', usage: 'serverAuth' }))
    await until(async () => (await subjectAt(running.data, ca.cert)) === 'noticed')
    await close()
  })

  it.each([
    ['cert', 'no certificate'],
    ['clientCa', 'no certificate'],
    ['crl', '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n'],
  ] as const)('and are broken (%s) change nothing, and that is told', async (file, text) => {
    const made = await own()
    const { ca, running, close } = made
    const leaf = ca.issue(fine)
    const readiness = async () => (await fetch(`${running.admin}/readyz`)).json() as Promise<unknown>
    expect(await readiness()).toMatchObject({ policy: { reload: { ok: true } } })
    const whole = readFileSync(made[file])
    writeFileSync(made[file], text)
    running.reload()
    expect(await readiness()).toMatchObject({ policy: { reload: { ok: false, place: 'listen.tls' } } })
    expect(running.logged()).toContain(`"problem":"\`listen.tls.${file}\` `)
    expect(running.logged()).toContain('certificates not reloaded')
    expect((await ask(`${running.data}/api/tags`, { ca: ca.cert, leaf })).status).toBe(200)
    writeFileSync(made[file], whole)
    running.reload()
    expect(await readiness()).toMatchObject({ policy: { reload: { ok: true } } })
    await close()
  })

  it('revoke: an open connection ends with what runs on it, an idle one at once', async () => {
    const { ca, running, crl, close } = await own()
    const leaf = ca.issue(fine)
    const agents = [1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1 }))
    const [idle, busy] = agents.map((agent) => ({ ca: ca.cert, leaf, agent }))
    if (!idle || !busy) throw new Error('there are two')
    expect((await ask(`${running.data}/api/tags`, idle)).status).toBe(200)
    let letGo = () => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const before = model.posts.length
    model.script = async (seen, response) => {
      if (seen.method === 'POST') await held
      return likeOllama(seen, response)
    }
    const running1 = ask(`${running.data}/api/chat`, busy, { body: chat })
    await until(() => model.posts.length > before)
    ca.revoke(leaf)
    ca.writeCrl()
    copyFileSync(ca.crlFile, crl)
    running.reload()
    letGo()
    model.script = likeOllama
    expect(await running1).toMatchObject({ status: 200, headers: { connection: 'close' } })
    for (const client of [idle, busy])
      await until(async () => {
        try {
          return (await ask(`${running.data}/api/tags`, client)).status === 401
        } catch {
          return false
        }
      })
    for (const agent of agents) agent.destroy()
    const text = await (await fetch(`${running.admin}/metrics`)).text()
    expect(text).toMatch(/credential_failures_total\{reason="certificate revoked"\} [1-9]/)
    await close()
  })
})
