/** Unix sockets: the listeners of a gateway, its model servers, and what stands for the address that nobody has. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { messages, name } from '../rig/clients.ts'
import { type GateSettings, policyText, type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let folder: string
let model: ModelServer
let gate: RunningGate | undefined
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-unix-'))
  model = await startModelServer(likeOllama)
})
afterEach(async () => {
  await gate?.close()
  gate = undefined
})
afterAll(async () => {
  await model?.close()
  rmSync(folder, { recursive: true })
})

const at = (file: string) => join(folder, file)
/** A gate whose listeners are Unix sockets. */
const open = async ({ listen = '', admin = '', more = '', ...settings }: Partial<GateSettings> = {}) => {
  gate = await startGate({
    upstream: model.url,
    ...settings,
    prepare: (home) => {
      const text = policyText({
        upstream: settings.upstream ?? model.url,
        more,
        auditFile: undefined,
      } as never)
      writeFileSync(
        join(home, 'torwart.yaml'),
        text
          .replace(
            'listen: { address: "127.0.0.1:0"',
            `listen: { address: "unix:${at('gate.sock')}"${listen}`,
          )
          .replace('admin: { address: "127.0.0.1:0"', `admin: { address: "unix:${at('admin.sock')}"${admin}`),
      )
    },
  })
  return gate
}

interface Answer {
  readonly status: number
  readonly text: string
}
const ask = (file: string, path: string, headers: Record<string, string> = {}, body?: object) =>
  new Promise<Answer>((resolve, reject) => {
    const sent = request(
      {
        socketPath: at(file),
        path,
        method: body ? 'POST' : 'GET',
        headers: { 'content-type': 'application/json', ...headers },
      },
      (answer: IncomingMessage) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      },
    )
    sent.on('error', reject)
    sent.end(body && JSON.stringify(body))
  })
const bearer = ({ key }: RunningGate) => ({ authorization: `Bearer ${key}` })
const chat = { model: name, messages, stream: false }

describe('listeners on Unix sockets', () => {
  it('serve requests and operators, say where they are, and are gone afterwards', async () => {
    const running = await open()
    expect([running.data, running.admin]).toEqual([`unix:${at('gate.sock')}`, `unix:${at('admin.sock')}`])
    expect((await ask('gate.sock', '/api/chat', bearer(running), chat)).status).toBe(200)
    expect((await ask('gate.sock', '/api/chat', {}, chat)).status).toBe(401)
    expect((await ask('admin.sock', '/readyz')).status).toBe(200)
    expect((await ask('admin.sock', '/metrics')).text).toContain('torwart_requests_total')
    await running.close()
    gate = undefined
    expect([existsSync(at('gate.sock')), existsSync(at('admin.sock'))]).toEqual([false, false])
  })

  it('have the rights that the policy gives', async () => {
    await open({ listen: ', socket: { mode: "0666", group: daemon }', admin: ', socket: { mode: "600" }' })
    const [data, admin] = [statSync(at('gate.sock')), statSync(at('admin.sock'))]
    expect([data.mode & 0o777, admin.mode & 0o777]).toEqual([0o666, 0o600])
    expect(data.gid).toBe(
      Number(execFileSync('getent', ['group', 'daemon'], { encoding: 'utf8' }).split(':')[2]),
    )
  })

  it('record `unix` for the address, and believe a proxy only where it is named', async () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.7' }
    const peerOf = async (running: RunningGate, headers = {}) => {
      const before = running.requests().length
      await ask('gate.sock', '/api/chat', { ...bearer(running), ...headers }, chat)
      const record = await until(() => running.requests()[before])
      return (record.content as { peer: string } | undefined)?.peer ?? record.peer
    }
    const running = await open()
    expect(await peerOf(running)).toBe('unix')
    expect(await peerOf(running, forwarded)).toBe('unix')
    await running.close()
    const behind = await open({ more: 'door: { proxies: [unix] }\n' })
    expect(await peerOf(behind, forwarded)).toBe('203.0.113.7')
    expect(await peerOf(behind)).toBe('unix')
  })

  it('count failed logins of all their clients together', async () => {
    await open({ more: 'door: { failuresPerMinute: 3 }\n' })
    const wrong = { authorization: 'Bearer tw_wrong' }
    const statuses = []
    for (let attempt = 0; attempt < 5; attempt++)
      statuses.push((await ask('gate.sock', '/api/tags', wrong)).status)
    expect(statuses).toEqual([401, 401, 401, 429, 429])
  })

  it('are reached by commands, as the policy says where they are', async () => {
    const running = await open({ admin: ', token: a-token-of-twenty-letters' })
    const told = await cli(['breaker', 'close', running.keyId, '-c', running.policyFile])
    expect(told).toMatchObject({ code: 0, err: '' })
  })
})

describe('a socket that is there already', () => {
  it('is taken over if nobody answers on it, and left alone if somebody does', async () => {
    // A process that is killed leaves its socket behind.
    const listening = `require('node:net').createServer().listen(${JSON.stringify(at('gate.sock'))}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', listening])
    expect(statSync(at('gate.sock')).isSocket()).toBe(true)
    const running = await open()
    expect((await ask('gate.sock', '/health')).status).toBe(200)
    await expect(
      startGate({
        upstream: model.url,
        prepare: (home) => writeFileSync(join(home, 'torwart.yaml'), readFileSync(running.policyFile)),
      }),
    ).rejects.toThrow('is in use by another program')
    expect((await ask('gate.sock', '/health')).status).toBe(200)
  })

  it('is not removed if it is no socket', async () => {
    writeFileSync(at('gate.sock'), 'a file')
    await expect(open()).rejects.toThrow('is not a socket')
    expect(existsSync(at('gate.sock'))).toBe(true)
    rmSync(at('gate.sock'))
  })
})

describe('a model server on a Unix socket', () => {
  let server: Server | undefined
  afterEach(() => server?.close())

  it('is asked by its socket, under its own limits and with its own key', async () => {
    const hosts: (string | undefined)[] = []
    server = createServer((incoming, response) => {
      hosts.push(incoming.headers.host)
      const there = request(
        `${model.url}${incoming.url}`,
        { method: incoming.method ?? 'GET', headers: { ...incoming.headers, host: 'x' } },
        (answer) => {
          response.writeHead(answer.statusCode ?? 0, answer.headers)
          answer.pipe(response)
        },
      )
      incoming.pipe(there)
    })
    await new Promise<void>((resolve) => server?.listen(at('model.sock'), resolve))
    gate = await startGate({ upstream: `unix:${at('model.sock')}`, upstreamMore: 'key: of-the-server' })
    expect((await gate.post('/api/chat', chat)).status).toBe(200)
    expect(new Set(hosts)).toEqual(new Set(['localhost']))
    expect(model.posts.at(-1)?.headers.authorization).toBe('Bearer of-the-server')
  })

  it('that is away is a failure, as over TCP', async () => {
    gate = await startGate({ upstream: `unix:${at('nowhere.sock')}` })
    const response = await gate.post('/api/chat', chat)
    expect([response.status, response.headers.get('x-torwart-code')]).toEqual([502, 'upstream_failed'])
  })
})
