/** Connections to model servers: names that turn out to be far away or move, connections that are closed under a request. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HeldBytes } from '../../src/core/held-bytes.ts'
import { createUpstreamClient, type HttpUpstreamClient } from '../../src/http/upstream-client.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Upstream } from '../../src/policy/policy.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

let model: ModelServer
const folder = mkdtempSync(join(tmpdir(), 'torwart-courier-'))
beforeAll(async () => {
  model = await startModelServer()
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

interface World {
  readonly upstreamClient: HttpUpstreamClient
  /** One request. @returns the status, or the refusal's code */
  send(flow?: AsyncIterable<Uint8Array>): Promise<number | string>
}

type Resolve = (callback: (error: NodeJS.ErrnoException | null, found: object[]) => void) => void
const addresses =
  (...found: string[]): Resolve =>
  (callback) =>
    callback(
      null,
      found.map((address) => ({ address, family: 4 })),
    )

const near = addresses('127.0.0.1')
const failing =
  (code: string): Resolve =>
  (callback) =>
    callback(Object.assign(new Error(code), { code }), [])

/** @param resolve what becomes of the name of the model server */
async function withCourier<T>(
  use: (world: World) => Promise<T>,
  resolve: Resolve,
  { remote = false, now = (): number => 0, port = new URL(model.url).port } = {},
): Promise<T> {
  const file = join(folder, 'torwart.yaml')
  const url = `http://models.example:${port}`
  writeFileSync(
    file,
    `version: 1\nupstreams: [{ name: a, url: "${url}", kind: ollama, remote: ${remote} }]\n`,
  )
  const { policy } = loadPolicy(file, {})
  const lookup = (_name: string, _options: object, callback: Parameters<Resolve>[0]) => resolve(callback)
  const upstreamClient = createUpstreamClient(() => policy, new HeldBytes(() => 1e9), lookup as never, now)
  const send: World['send'] = (flow) =>
    new Promise((done) => {
      const [upstream] = policy.upstreams
      const upstreamRequest = {
        upstream,
        method: 'POST' as const,
        path: '/api/chat',
        body: {},
        file: undefined,
        uploadStream: flow,
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        firstByteMs: 5000,
        silenceMs: 5000,
      }
      let status = 0
      upstreamClient.send(upstreamRequest, {
        head: (given) => {
          status = given
        },
        data: () => {},
        end: () => done(status),
        fail: ({ code }) => done(code),
      })
    })
  try {
    return await use({ upstreamClient, send })
  } finally {
    await upstreamClient.close()
  }
}
const sendTo = (resolve: Resolve, remote = false) => withCourier(({ send }) => send(), resolve, { remote })

describe('the name of a model server', () => {
  it('may have an address nearby', async () => expect(await sendTo(addresses('127.0.0.1'))).toBe(200))
  it('may not have a public one', async () =>
    expect(await sendTo(addresses('203.0.113.9'))).toBe('upstream_unavailable'))
  it('may not have a public one beside a near one', async () =>
    expect(await sendTo(addresses('127.0.0.1', '203.0.113.9'))).toBe('upstream_unavailable'))

  it('is looked up again while its connections are in use', async () => {
    let nowMs = 0
    const minutes: number[] = []
    const resolve: Resolve = (callback) => {
      minutes.push(Math.floor(nowMs / 60_000))
      near(callback)
    }
    await withCourier(
      async ({ send }) => {
        for (; nowMs < 180_000; nowMs += 10_000) expect(await send()).toBe(200)
      },
      resolve,
      { now: () => nowMs },
    )
    expect([...new Set(minutes)]).toEqual([0, 1, 2])
  })

  it('that its resolver cannot tell for a moment is asked for once more', async () => {
    let failures = 1
    const resolve: Resolve = (callback) => (failures-- > 0 ? failing('EAI_AGAIN') : near)(callback)
    expect(await sendTo(resolve)).toBe(200)
    failures = 2
    expect(await sendTo(resolve)).toBe('upstream_unavailable')
  })
})

describe('a gate that has no descriptor left', () => {
  it.each(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL'])(
    'says so of itself at %s, not of its model server',
    async (code) => expect(await sendTo(failing(code))).toBe('overloaded'),
  )

  it('tries again in a moment, once', async () => {
    let failures = 1
    const resolve: Resolve = (callback) => (failures-- > 0 ? failing('EMFILE') : near)(callback)
    expect(await sendTo(resolve)).toBe(200)
  })
})

describe('a connection that was closed before anything came back', () => {
  /** Answers each connection so many times, then closes it instead. @returns how many requests came */
  async function closingServer(answers: number, closes = () => {}) {
    let requests = 0
    const served = new WeakMap<Socket, number>()
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        requests++
        const count = served.get(request.socket) ?? 0
        served.set(request.socket, count + 1)
        if (count >= answers) {
          closes()
          request.socket.destroy()
        } else response.end('{}')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return { port: String(port), requests: () => requests, close: () => server.close() }
  }

  it('costs no request, though there is one server only', async () => {
    const server = await closingServer(1)
    await withCourier(
      async ({ send, upstreamClient }) => {
        for (let count = 0; count < 5; count++) expect(await send()).toBe(200)
        const upstream = { origin: `http://models.example:${server.port}` } as Upstream
        for (let count = 0; count < 5; count++)
          expect(await upstreamClient.ask(upstream, '/api/tags', 5000)).toEqual({ status: 200, body: {} })
      },
      near,
      { port: server.port },
    )
    server.close()
  })

  it('is the server’s answer if it was at work meanwhile: no model does the same twice', async () => {
    let nowMs = 0
    const server = await closingServer(1, () => {
      nowMs += 2000
    })
    await withCourier(
      async ({ send, upstreamClient }) => {
        // Whether a connection is used again is the pool's to say.
        const codes: (number | string)[] = []
        while (codes.length < 20 && !codes.includes('upstream_failed')) codes.push(await send())
        expect(codes.at(-1)).toBe('upstream_failed')
        expect(server.requests()).toBe(codes.length)
        const upstream = { origin: `http://models.example:${server.port}` } as Upstream
        const asked: boolean[] = []
        while (asked.length < 20 && !asked.includes(false))
          asked.push(
            await upstreamClient.ask(upstream, '/api/tags', 5000).then(
              () => true,
              () => false,
            ),
          )
        expect(asked.at(-1)).toBe(false)
        expect(server.requests()).toBe(codes.length + asked.length)
      },
      near,
      { port: server.port, now: () => nowMs },
    )
    server.close()
  })

  it('is the server’s answer if the connection was new: nothing is asked twice', async () => {
    const server = await closingServer(0)
    await withCourier(
      async ({ send }) => {
        expect(await send()).toBe('upstream_failed')
        expect(server.requests()).toBe(1)
      },
      near,
      { port: server.port },
    )
    server.close()
  })

  it('ends a request whose body is gone', async () => {
    const server = await closingServer(1)
    async function* flow() {
      yield new Uint8Array(10)
    }
    await withCourier(
      async ({ send }) => {
        expect(await send()).toBe(200)
        let sent = 1
        await until(async () => {
          sent++
          return (await send(flow())) === 'upstream_failed'
        })
        expect(server.requests()).toBe(sent)
      },
      near,
      { port: server.port },
    )
    server.close()
  })
})
