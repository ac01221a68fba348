/** `torwart connect` before a real gate: what it adds, whom it refuses, that it holds nothing up. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ollama } from 'ollama'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { type Forwarder, startForwarder } from '../../src/connect/forwarder.ts'
import { mayConnect, refusalOf } from '../../src/connect/local-clients.ts'
import { networksOf } from '../../src/policy/networks.ts'
import { type Authority, createAuthority, type Leaf } from '../rig/certificates.ts'
import { cli, start } from '../rig/cli.ts'
import { colours, messages, name, question } from '../rig/clients.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { asCommand } from '../rig/ollama-command.ts'
import { getPlain } from '../rig/plain.ts'
import { until } from '../rig/wait.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-connect-'))
const keyFile = join(folder, 'key')
const saveKey = (text: string) => writeFileSync(keyFile, text, { mode: 0o600 })
const listen = { host: '127.0.0.1', port: 0 }
const told: string[] = []
const tell = (sentence: string) => void told.push(sentence)
const visitors = {
  origins: new Set<string>(['http://localhost:3000']),
  networks: networksOf(['192.0.2.0/24']),
}
const none = { key: undefined, certificate: undefined, ca: undefined }

let authority: Authority
let agent: Leaf
let model: ModelServer
let gate: RunningGate
let withKey: Forwarder
let withCertificate: Forwarder

beforeAll(async () => {
  authority = createAuthority()
  const server = authority.issue({ usage: 'serverAuth' })
  agent = authority.issue({ names: 'DNS:agent.example', usage: 'clientAuth' })
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    tls: `{ cert: "${server.certFile}", key: "${server.keyFile}", clientCa: "${authority.certFile}" }`,
    more: 'certificates: [{ match: { dns: agent.example }, name: laptop, role: agent }]\n',
  })
  saveKey(`${gate.key}\n`)
  const options = { gateway: gate.data, listen, allowed: visitors, report: tell }
  const ca = authority.certFile
  withKey = await startForwarder({ ...options, files: { ...none, key: keyFile, ca } })
  const certificate = { cert: agent.certFile, key: agent.keyFile }
  withCertificate = await startForwarder({ ...options, files: { ...none, certificate, ca } })
})
afterAll(async () => {
  await withKey.close()
  await withCertificate.close()
  await gate.close()
  await model.close()
  authority.close()
  rmSync(folder, { recursive: true })
})

const chat = { model: name, messages }
const raw = (url: string, headers: Record<string, string>, path = '/api/tags') => getPlain(url, headers, path)

describe('what Ollama’s command sends', () => {
  it.each(['key', 'certificate'] as const)('comes through with a %s, unchanged', async (kind) => {
    const { url } = kind === 'key' ? withKey : withCertificate
    expect(await asCommand(url, 'HEAD', '/')).toEqual({ status: 200, text: '' })
    expect((await asCommand(url, 'GET', '/api/tags')).text).toContain('smollm2:135m')
    const shown = await asCommand(url, 'POST', '/api/show', {
      model: name,
      system: '',
      template: '',
      verbose: false,
    })
    expect(shown.status, shown.text).toBe(200)
    const generate = { model: name, prompt: question, suffix: '', system: '', template: '', options: {} }
    const generated = await asCommand(url, 'POST', '/api/generate', {
      ...generate,
      context: null,
      images: null,
    })
    expect(generated.status, generated.text).toBe(200)
    const chatted = await asCommand(url, 'POST', '/api/chat', { ...chat, format: '', options: {} })
    const said = chatted.text
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { message: { content: string } }).message.content)
    expect(said.join('')).toBe(colours)
    expect(gate.requests().at(-1)).toMatchObject({ identity: { kind, role: 'agent' }, route: '/api/chat' })
  })

  it('so does the npm client, and reads refusals', async () => {
    const ollama = new Ollama({ host: withKey.url })
    let text = ''
    for await (const part of await ollama.chat({ ...chat, stream: true })) text += part.message.content
    expect(text).toBe(colours)
    await expect(ollama.chat({ ...chat, model: 'other' })).rejects.toMatchObject({ status_code: 404 })
  })
})

describe('the forwarder', () => {
  it('replaces whatever credential a program sends', async () => {
    const headers = {
      authorization: 'Bearer ollama',
      'x-api-key': 'other',
      'api-key': 'third',
      cookie: 'a=b',
    }
    expect((await raw(withKey.url, headers)).status).toBe(200)
    expect((await raw(withCertificate.url, headers)).status).toBe(200)
  })

  it('hands an answer on as it comes', async () => {
    let next = () => {}
    model.script = async (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write(
        '{"model":"smollm2:135m","message":{"role":"assistant","content":"first"},"done":false}\n',
      )
      await new Promise<void>((resolve) => {
        next = resolve
      })
      response.end('{"model":"smollm2:135m","message":{"role":"assistant","content":"last"},"done":true}\n')
    }
    const parts: string[] = []
    for await (const part of await new Ollama({ host: withKey.url }).chat({ ...chat, stream: true })) {
      // The server goes on only when the first piece was seen here.
      if (parts.push(part.message.content) === 1) next()
    }
    model.script = likeOllama
    expect(parts).toEqual(['first', 'last'])
  })

  it('ends a request at the gate when its client leaves before any answer', async () => {
    model.script = () => {}
    const before = model.posts.length
    const leaving = new AbortController()
    const asked = fetch(`${withKey.url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify(chat),
      headers: { 'content-type': 'application/json' },
      signal: leaving.signal,
    }).catch(() => 'left')
    await until(() => model.posts.length > before)
    leaving.abort()
    expect(await asked).toBe('left')
    await model.posts.at(-1)?.left
    model.script = likeOllama
    await until(() => (gate.requests().at(-1)?.ending as { kind: string } | undefined)?.kind === 'aborted')
  })

  it('reads the key again when its file changes, and keeps the old one when it is no key', async () => {
    saveKey(mintKey().key)
    await until(async () => (await raw(withKey.url, {})).status === 401)
    saveKey('two\nlines\n')
    await until(() => told.some((sentence) => /holds no key/.test(sentence)))
    expect((await raw(withKey.url, {})).status).toBe(401)
    saveKey(gate.key)
    await until(async () => (await raw(withKey.url, {})).status === 200)
    expect(told.join('\n')).not.toContain(gate.key)
  })

  it('trusts no gate whose certificate another CA made, and sends it nothing', async () => {
    const before = gate.requests().length
    const untrusting = await startForwarder({
      gateway: gate.data,
      listen,
      allowed: visitors,
      report: tell,
      files: { ...none, key: keyFile },
    })
    const { status, text } = await raw(untrusting.url, {})
    expect([status, JSON.parse(text)]).toEqual([502, { error: expect.stringMatching(/is not trusted/) }])
    expect(gate.requests().length).toBe(before)
    await untrusting.close()
  })

  it('says in Ollama’s shape that the gate is away', async () => {
    const alone = await startForwarder({
      gateway: 'http://127.0.0.1:1',
      listen,
      allowed: visitors,
      report: tell,
      files: { ...none, key: keyFile },
    })
    const { status, text } = await raw(alone.url, {})
    expect([status, JSON.parse(text)]).toEqual([502, { error: expect.stringMatching(/cannot be reached/) }])
    await alone.close()
  })
})

describe('a refusal in the middle of what a program sends', () => {
  /** Sends pieces of a megabyte until it is answered, or has sent all. @returns status and body, or what broke the connection */
  function sendLarge(
    url: string,
    path: string,
    megabytes: number,
  ): Promise<{ status?: number; text: string }> {
    return new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': megabytes * 2 ** 20 }
      const sending = request(`${url}${path}`, { method: 'POST', headers }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (piece) => {
          text += piece
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      sending.on('error', ({ message }) => resolve({ text: message }))
      const piece = Buffer.alloc(2 ** 20, 32)
      let left = megabytes
      const more = () => {
        while (left-- > 0) if (!sending.write(piece)) return void sending.once('drain', more)
        sending.end()
      }
      more()
    })
  }

  it.each([
    ['a chat of 10 MB', '/api/chat', 10, 413, 'The request body is larger than'],
    ['a model’s file', `/api/blobs/sha256:${'0'.repeat(64)}`, 64, 403, 'This key may not'],
  ] as const)('comes through the forwarder: %s', async (_what, path, megabytes, status, words) => {
    // In a process of its own, as it is used: only then can it send faster than the gate's answer is read.
    saveKey(gate.key)
    const program = start([
      ...['connect', '--gate', gate.data, '--key-file', keyFile, '--ca', authority.certFile],
      ...['--listen', '127.0.0.1:0'],
    ])
    const url = await until(() => /(http:\S+) leads to/.exec(program.output())?.[1])
    try {
      for (let count = 0; count < 20; count++) {
        const { text, ...answer } = await sendLarge(url, path, megabytes)
        expect({ ...answer, text }).toEqual({ status, text: expect.stringContaining(words) })
      }
    } finally {
      program.process.kill('SIGTERM')
      await program.ended
    }
  })
})

describe('a page in a browser', () => {
  it.each([
    ['by DNS rebinding', { host: 'evil.example:11434' }],
    ['by a name that looks like ours', { host: '127.0.0.1.evil.example' }],
    ['from another site', { origin: 'https://evil.example' }],
    ['without an origin of its own', { origin: 'null' }],
    ['in an extension', { origin: 'chrome-extension://abc' }],
  ])('does not get to use the key %s', async (_what, headers) => {
    const before = gate.requests().length
    const { status, text } = await raw(withKey.url, headers)
    expect([status, JSON.parse(text)]).toEqual([403, { error: expect.any(String) }])
    expect(gate.requests().length).toBe(before)
  })

  it.each([
    ['by a link or picture', { 'sec-fetch-site': 'cross-site' }],
    ['by a link or picture of another port', { 'sec-fetch-site': 'same-site' }],
    ['of another port of this machine', { origin: 'http://localhost:3001', 'sec-fetch-site': 'same-site' }],
    ['of this machine by another of its names', { origin: 'http://127.0.0.1:3000' }],
    ['of the forwarder’s own address', { origin: 'http://127.0.0.1:11434' }],
  ])('does not get to use the key %s, though that is not far', async (_what, headers) => {
    expect((await raw(withKey.url, headers)).status).toBe(403)
  })

  it('is served if `--origin` names it, and may read what it gets', async () => {
    const headers = { origin: 'http://localhost:3000', 'sec-fetch-site': 'cross-site' }
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    }
    const before = await fetch(`${withKey.url}/api/chat`, {
      method: 'OPTIONS',
      headers: { ...headers, ...asked },
    })
    expect([before.status, before.headers.get('access-control-allow-headers')]).toEqual([204, 'content-type'])
    const listed = await fetch(`${withKey.url}/api/tags`, { headers })
    expect(listed.status).toBe(200)
    expect(listed.headers.get('access-control-allow-origin')).toBe(headers.origin)
    expect((await fetch(`${withKey.url}/api/tags`)).headers.get('access-control-allow-origin')).toBeNull()
  })

  it('is not what a program on this machine or in a container looks like', () => {
    const here = '127.0.0.1'
    for (const host of [
      '127.0.0.1:11434',
      'localhost:11434',
      '[::1]:11434',
      '127.0.0.1',
      'host.docker.internal:11434',
    ])
      expect(refusalOf({ host }, visitors, here)).toBeUndefined()
    expect(refusalOf({ host: '192.0.2.1:11434' }, visitors, '192.0.2.1')).toBeUndefined()
    expect(refusalOf({ host: '192.0.2.1:11434' }, visitors, here)).toMatch(/Host/)
    expect(refusalOf({ host: 'docker.internal' }, visitors, here)).toMatch(/Host/)
    expect(refusalOf({}, visitors, here)).toMatch(/Host/)
  })

  it('of another network is not even heard, unless `--allow` names it', () => {
    expect(['127.0.0.1', '::1', '192.0.2.7'].every((address) => mayConnect(address, visitors))).toBe(true)
    expect(['198.51.100.1', '10.0.0.1', '', 'x'].some((address) => mayConnect(address, visitors))).toBe(false)
  })

  it('nor does a target that is no path', async () => {
    expect((await raw(withKey.url, {}, 'http://evil.example/api/tags')).status).toBe(403)
  })
})

describe('the command', () => {
  const connect = (...words: string[]) => cli(['connect', ...words])
  it.each([
    [['--gate', 'https://g', '--key-file', keyFile, '--listen', '0.0.0.0:0'], /must be loopback/],
    [['--gate', 'https://g', '--key-file', keyFile, '--listen', '[::]:0'], /must be loopback/],
    [['--gate', 'https://g', '--key-file', keyFile, '--allow', '172.17.0.0/99'], /not a network/],
    [['--gate', 'https://g', '--key-file', keyFile, '--origin', 'localhost:3000'], /not an origin/],
    [['--gate', 'https://g', '--key-file', keyFile, '--origin', 'http://a/b'], /not an origin/],
    [['--gate', 'http://gate.example', '--key-file', keyFile], /must be https/],
    [['--gate', 'https://g/path', '--key-file', keyFile], /scheme, host and port only/],
    [['--gate', 'https://g'], /--key-file, or --cert/],
    [['--gate', 'https://g', '--cert', keyFile], /must be given together/],
    [['--gate', 'http://127.0.0.1:1', '--cert', keyFile, '--cert-key', keyFile], /needs an https gateway/],
    [['--gate', 'nonsense', '--key-file', keyFile], /must be an http or https URL/],
    [[], /--gate/],
  ])('refuses %j', async (words, message) => {
    expect(await connect(...words)).toMatchObject({ code: 2, err: expect.stringMatching(message) })
  })

  it('refuses files that hold something else', async () => {
    const broken = join(folder, 'broken')
    writeFileSync(broken, 'no pem\nat all\n')
    const gateWords = ['--gate', 'https://127.0.0.1:1', '--listen', '127.0.0.1:0']
    for (const words of [
      ['--key-file', broken],
      ['--key-file', join(folder, 'nowhere')],
      ['--cert', broken, '--cert-key', broken],
      ['--key-file', keyFile, '--ca', broken],
    ]) {
      const { code, err } = await connect(...gateWords, ...words)
      expect(code).toBe(1)
      expect(err).not.toContain('at all')
    }
  })

  it('runs until it is told to stop, and warns of a key that others may read', async () => {
    const open = join(folder, 'open')
    writeFileSync(open, gate.key)
    chmodSync(open, 0o644)
    const words = [
      '--gate',
      gate.data,
      '--key-file',
      open,
      '--ca',
      authority.certFile,
      '--listen',
      '127.0.0.1:0',
    ]
    const program = start(['connect', ...words])
    const url = await until(() => /(http:\S+) leads to/.exec(program.output())?.[1])
    expect((await asCommand(url, 'HEAD', '/')).status).toBe(200)
    expect(program.output()).toContain(
      `Users other than the owner may read or write ${open}. Run \`chmod 600 ${open}\`.`,
    )
    program.process.kill('SIGTERM')
    expect(await program.ended).toBe(0)
  })
})
