/** Hostile frames by raw socket: each ends in a close code and a record, and the gateway goes on. */
import { connect } from 'node:net'
import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { sendRaw } from '../rig/raw.ts'
import { connectRealtime } from '../rig/realtime-client.ts'
import { type RealtimeServer, startRealtimeServer } from '../rig/realtime-server.ts'
import { until } from '../rig/wait.ts'
import { frame, opcodes, openRaw } from '../rig/websocket-frames.ts'

let server: RealtimeServer
let gate: RunningGate
beforeAll(async () => {
  server = await startRealtimeServer()
  gate = await startGate({
    upstream: server.url,
    kind: 'localai',
    role: '    routes: [realtime, chat]\n    models: [voice]\n    caps: { body: 64KiB }\n    limits: { requestsPerMinute: unlimited }',
  })
})
afterAll(async () => {
  await gate.close()
  await server.close()
})

let count = 0
async function session() {
  const run = `frames-${++count}`
  const lines = [`Authorization: Bearer ${gate.key}`, `X-Request-Id: ${run}`]
  const raw = await openRaw(gate.data, '/v1/realtime?model=voice', lines)
  const record = () => until(() => gate.requests().find((each) => each.id === run))
  return { ...raw, record }
}

const event = JSON.stringify({ type: 'response.cancel' })
const ping = frame('x', { opcode: opcodes.ping })
const half = Buffer.from('ä').subarray(0, 1)

/** What is sent, and under which code the gateway closes. */
const hostile: readonly (readonly [string, readonly Buffer[], number])[] = [
  ['a frame without a mask', [frame(event, { masked: false })], 1002],
  ['the first reserved bit, as of compression', [frame(deflateRawSync(event), { reserved: 4 })], 1002],
  ['another reserved bit', [frame(event, { reserved: 1 })], 1002],
  ['an unknown opcode', [frame(event, { opcode: 5 })], 1002],
  ['an unknown control opcode', [frame('', { opcode: 11 })], 1002],
  ['a continuation of nothing', [frame(event, { opcode: opcodes.continuation })], 1002],
  ['a new message within one', [frame('{', { fin: false }), frame(event)], 1002],
  ['a control frame in pieces', [frame('x', { opcode: opcodes.ping, fin: false })], 1002],
  ['a control frame that is too long', [frame('x'.repeat(126), { opcode: opcodes.ping })], 1002],
  ['a close frame of one byte', [frame('x', { opcode: opcodes.close })], 1002],
  ['a close code that may not be sent', [frame(Buffer.from([3, 237]), { opcode: opcodes.close })], 1002],
  ['a close reason that is no UTF-8', [frame(Buffer.from([3, 232, 0xff]), { opcode: opcodes.close })], 1007],
  ['text that is no UTF-8', [frame(Buffer.concat([Buffer.from('"'), half, Buffer.from('"')]))], 1007],
  ['text that ends within a character', [frame(half)], 1007],
  ['a binary message', [frame(Buffer.from([1, 2, 3]), { opcode: opcodes.binary })], 1003],
  ['a message that is too long', [frame('x'.repeat(65_537))], 1009],
  ['a length of 2^62', [frame('x', { length: 2 ** 52 })], 1009],
  [
    'pieces that are too long together',
    [frame('x'.repeat(40_000), { fin: false }), frame('x'.repeat(40_000), { opcode: opcodes.continuation })],
    1009,
  ],
  [
    'very many pieces of one byte',
    [
      frame('x', { fin: false }),
      ...Array.from({ length: 3000 }, () => frame('x', { opcode: opcodes.continuation, fin: false })),
    ],
    1008,
  ],
]

describe('frames of a client', () => {
  it.each(hostile)('end the session for %s', async (_what, frames, code) => {
    const { socket, closed, record } = await session()
    socket.write(Buffer.concat(frames))
    expect(await closed).toBe(code)
    expect(await record()).toMatchObject({
      ending: { kind: 'cut', code: 'invalid_request' },
      realtime: { close: code },
    })
  })

  it('are read in pieces of any length, with control frames between them', async () => {
    const { socket, bytes, record } = await session()
    const message = JSON.stringify({ type: 'response.create' })
    const pieces = [...message].map((letter, index) =>
      frame(letter, {
        opcode: index === 0 ? opcodes.text : opcodes.continuation,
        fin: index === message.length - 1,
      }),
    )
    // Byte by byte on the wire, too.
    for (const byte of Buffer.concat(pieces.flatMap((piece) => [piece, ping])))
      socket.write(Buffer.from([byte]))
    await until(() => bytes().includes('response.done'))
    const leave = Buffer.concat([Buffer.from([3, 232]), Buffer.from('bye')])
    socket.write(frame(leave, { opcode: opcodes.close }))
    expect(await record()).toMatchObject({
      ending: { kind: 'answered' },
      realtime: { close: 1000, responses: 1 },
    })
  })

  it('of any other bytes end the session too, and the gateway goes on', async () => {
    let seed = 20_261_201
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed % below
    }
    const records: Promise<unknown>[] = []
    for (let round = 0; round < 60; round++) {
      const { socket, closed, record } = await session()
      const noise = Buffer.from(Array.from({ length: 2 + random(300) }, () => random(256)))
      const first = frame(event)
      const shaped = random(2) === 0 ? noise : Buffer.concat([first.subarray(0, random(first.length)), noise])
      socket.write(shaped)
      // What is an unfinished frame so far ends with the connection.
      setImmediate(() => socket.end())
      await closed
      records.push(record())
    }
    await Promise.all(records)
    const client = await connectRealtime(gate)
    client.send({ type: 'response.create' })
    await client.heard('response.done')
    client.socket.terminate()
  })

  it('that come with the handshake are read when the session is open', async () => {
    const lines = [`Authorization: Bearer ${gate.key}`, '', '']
    const raw = await openRaw(gate.data, '/v1/realtime?model=voice', lines.slice(0, 1))
    raw.socket.write(frame(JSON.stringify({ type: 'response.create' })))
    await until(() => raw.bytes().includes('response.done'))
    raw.socket.destroy()
  })
})

describe('other upgrades', () => {
  const asking = (protocol: string, connection: string, more: readonly string[] = [], body = '') =>
    sendRaw(
      gate.data,
      [
        `${body === '' ? 'GET /' : 'POST /v1/chat/completions'} HTTP/1.1`,
        'Host: gate',
        `Authorization: Bearer ${gate.key}`,
        `Connection: ${connection}`,
        `Upgrade: ${protocol}`,
        ...more,
        ...(body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`]),
        '',
        body,
      ].join('\r\n'),
    )

  it('are answered over HTTP/1.1, as Java’s clients of HTTP/2 need it', async () => {
    const head = ['HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA']
    const answer = await asking('h2c', 'Upgrade, HTTP2-Settings', head)
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.text).not.toMatch(/^connection: close/im)
    const body = JSON.stringify({ model: 'unknown', messages: [{ role: 'user', content: 'hi' }] })
    expect(await asking('h2c', 'Upgrade, HTTP2-Settings', head, body)).toMatchObject({ status: 404 })
    expect(await asking('h2c', 'Upgrade', [], 'x'.repeat(70_000))).toMatchObject({ status: 413 })
  })

  it.each(['Upgrade', 'keep-alive, upgrade', '"upgrade"'])(
    'are answered once where Proxy-Connection: %s asks for them, which Node reads as Connection',
    async (value) => {
      const bytes = `GET / HTTP/1.1\r\nHost: gate\r\nProxy-Connection: ${value}\r\nUpgrade: x\r\n\r\n`
      expect(await sendRaw(gate.data, bytes)).toMatchObject({ status: 200 })
    },
  )

  it.each([
    ['websocket', '/v1/realtime?model=voice'],
    ['h2c', '/'],
  ])(
    'for %s, behind a request that is not answered yet, end the connection and nothing else',
    async (protocol, path) => {
      const { hostname, port } = new URL(gate.data)
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}GET ${path} HTTP/1.1\r\nHost: gate\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
      )
      await closed
      expect((await gate.get('/')).status).toBe(200)
    },
  )

  it('are refused for WebSockets at other paths', async () => {
    const answer = await sendRaw(
      gate.data,
      `GET /v1/responses HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer ${gate.key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    expect(answer.status).toBe(404)
    expect(answer.text).toContain('WebSocket')
  })

  it('with what is no handshake of a WebSocket are refused in HTTP', async () => {
    const answer = await sendRaw(
      gate.data,
      `GET /v1/realtime?model=voice HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer ${gate.key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n\r\n`,
    )
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('version 13')
  })
})
