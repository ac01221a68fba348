/** Receivers of records: at least once each, in order, whatever happens to the receiver, the gate or the segments. */
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Audit, openAudit } from '../../src/audit/audit.ts'
import { type RecordForwarder, startForwarder } from '../../src/audit/sinks/forward.ts'
import { toSyslog } from '../../src/audit/sinks/syslog.ts'
import { transportOf } from '../../src/audit/sinks/transport.ts'
import type { RecordContent, RequestRecord } from '../../src/audit/write/record.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { SinkSettings } from '../../src/policy/policy.ts'
import { processes } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

let folder: string
let file: string
let audit: Audit
const ends: (() => unknown)[] = []
const reports: string[] = []
const settings = {
  sync: 'none',
  segmentBytes: 1e9,
  retentionMs: 1e12,
  checkpoint: { records: 1e6, everyMs: 1e6 },
} as const

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-sinks-'))
  file = join(folder, 'audit.jsonl')
  reports.length = 0
  audit = await openAudit({ file, settings, clock: systemClock, processes, about: {}, report: () => {} })
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  await audit.close()
  rmSync(folder, { recursive: true, force: true })
})

const add = async (...ids: string[]) => {
  for (const id of ids)
    await audit.append(
      { time: new Date().toISOString(), id } as unknown as RequestRecord,
      { peer: '10.0.0.1', prompt: [{ channel: 'user', text: `text of ${id}` }] } as unknown as RecordContent,
    )
}

function forward(
  url: string,
  more: Partial<SinkSettings> = {},
  out: (text: string) => void = () => {},
): RecordForwarder {
  const sink: SinkSettings = { name: 'siem', url, format: 'jsonl', content: 'none', ...more }
  const forwarder = startForwarder({
    file,
    settings: sink,
    transport: transportOf(sink, out),
    startAfterSeq: audit.head.seq,
    head: () => audit.head.seq,
    onMoved: () => {},
    report: (problem) => reports.push(problem),
    lookMs: 5,
    retryMs: 5,
  })
  ends.push(() => forwarder.close())
  return forwarder
}

/** A syslog server over TCP: what it got, by frames. */
async function tcp(port = 0): Promise<{
  url: string
  port: number
  ids(): string[]
  text(): string
  server: Server
  sockets: Set<Socket>
}> {
  let text = ''
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (piece) => {
      text += piece.toString()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  ends.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const actual = (server.address() as AddressInfo).port
  const ids = () => [...text.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id ?? '')
  return { url: `tcp://127.0.0.1:${actual}`, port: actual, ids, text: () => text, server, sockets }
}

async function http(answer: () => number): Promise<{
  url: string
  ids(): string[]
  bodies: string[]
  server: HttpServer
  headers: () => string | undefined
}> {
  const bodies: string[] = []
  let authorization: string | undefined
  const server = createHttpServer((request, response) => {
    let body = ''
    authorization = request.headers.authorization
    request.on('data', (piece: Buffer) => {
      body += piece.toString()
    })
    request.on('end', () => {
      const status = answer()
      if (status === 200) bodies.push(body)
      response.writeHead(status, { location: '/elsewhere' })
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    server.close()
    server.closeAllConnections()
  })
  const ids = () =>
    bodies
      .join('')
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { id?: string }).id ?? '')
      .filter(Boolean)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`,
    ids,
    bodies,
    server,
    headers: () => authorization,
  }
}

describe('a receiver', () => {
  it('of whole lines gets them as they stand in the log, with what they refer to before them', async () => {
    let received = ''
    forward('stdout:', { content: 'masked' }, (text) => {
      received += text
    })
    await add('a')
    const { seq } = audit.head
    await audit.append(
      { time: new Date().toISOString(), id: 'b' } as unknown as RequestRecord,
      { peer: '10.0.0.1', prompt: [{ ref: [seq, 0] }] } as unknown as RecordContent,
    )
    await until(() => received.split('\n').length > 2)
    const log = readFileSync(file, 'utf8')
    expect(log.endsWith(received)).toBe(true)
    expect(
      received
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { prompt: unknown }).prompt),
    ).toEqual([[{ channel: 'user', text: 'text of a' }], [{ ref: [seq, 0] }]])
  })

  it('over TCP gets frames of RFC 5424, in order, over a new segment', async () => {
    const { url, ids, text } = await tcp()
    forward(url)
    await add('a', 'b')
    await until(() => ids().length >= 2)
    expect(audit.rotate()).toBe(true)
    await audit.settled()
    await add('c')
    await until(() => ids().includes('c'))
    expect(ids()).toEqual(['a', 'b', 'c'])
    const [, length, frame = ''] = /^(\d+) (<\d+>1 .*)/s.exec(text()) ?? []
    expect(frame.slice(0, Number(length))).toMatch(
      /^<110>1 \d{4}-.*Z \S+ torwart - audit - \{"seq":\d+,.*\}$/,
    )
    expect(text()).not.toContain('text of')
    expect(text()).toContain('10.0.0.1')
  })

  it('that is away gets what it missed, and one that broke off gets its last ones again', async () => {
    const first = await tcp()
    forward(first.url)
    await add('a')
    await until(() => first.ids().includes('a'))
    first.server.close()
    for (const socket of first.sockets) socket.destroy()
    await add('b', 'c')
    await until(() => reports.length > 0)
    expect(audit.rotate()).toBe(true)
    await add('d')
    const second = await tcp(first.port)
    await until(() => second.ids().includes('d'))
    expect([...new Set([...first.ids(), ...second.ids()])]).toEqual(['a', 'b', 'c', 'd'])
    expect(reports.filter((report) => report.includes('does not accept'))).toHaveLength(1)
    await until(() => reports.some((report) => report.includes('again')))
  })

  it('over HTTP has them when it answers 2xx; a redirect is no answer', async () => {
    let status = 503
    const { url, ids, headers } = await http(() => status)
    forward(url, { token: 'secret' })
    await add('a', 'b')
    await until(() => reports.length > 0)
    status = 302
    await add('c')
    status = 200
    await until(() => ids().length >= 3)
    expect(ids()).toEqual(['a', 'b', 'c'])
    expect(headers()).toBe('Bearer secret')
  })

  it('goes on where it was after the gate was restarted', async () => {
    const { url, ids } = await http(() => 200)
    const forwarder = forward(url)
    await add('a')
    await until(() => ids().length === 1)
    await forwarder.close()
    await add('b')
    // Began later: what it was not sent is behind its cursor.
    forward(url)
    await add('c')
    await until(() => ids().includes('c'))
    expect([...new Set(ids())]).toEqual(['a', 'b', 'c'])
  })

  it('that took nothing yet gets all of it from the next start', async () => {
    let status = 503
    const { url, ids } = await http(() => status)
    const forwarder = forward(url)
    await add('a')
    await until(() => reports.length > 0)
    await forwarder.close()
    status = 200
    forward(url)
    await add('b')
    await until(() => ids().includes('b'))
    expect(ids()).toEqual(['a', 'b'])
  })

  it('gets texts only if the policy says so', async () => {
    const { url, bodies } = await http(() => 200)
    forward(url, { content: 'masked' })
    await add('a')
    await until(() => bodies.length > 0)
    expect(bodies.join('')).toContain('text of a')
    expect(bodies.join('')).toContain('"salt"')
  })

  it.each(['cef', 'ecs'] as const)('gets %s', async (format) => {
    const { url, bodies } = await http(() => 200)
    forward(url, { format })
    await add('a')
    await until(() => bodies.length > 0)
    expect(bodies.join('')).toMatch(format === 'cef' ? /^CEF:0\|Torwart/ : /^\{"@timestamp"/)
  })

  it('on stdout and over UDP gets lines', async () => {
    let out = ''
    const receiver = createSocket('udp4')
    const datagrams: string[] = []
    receiver.on('message', (message) => datagrams.push(message.toString()))
    await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve))
    ends.push(() => receiver.close())
    forward('stdout:', { name: 'stdout' }, (text) => {
      out += text
    })
    forward(`udp://127.0.0.1:${receiver.address().port}`, { name: 'udp' })
    await add('a')
    await until(() => out.includes('"id":"a"') && datagrams.length > 0)
    expect(datagrams[0]).toMatch(/^<110>1 .*"id":"a"/)
  })

  it('is told that something weighs', () => {
    const told = (severity: number) => toSyslog({ text: 'x', severity, time: 't' }, 'a host\n')
    expect(told(8)).toBe('<108>1 t ahost torwart - audit - x')
    expect(told(5)).toMatch(/^<109>/)
    expect(told(1)).toMatch(/^<110>/)
  })
})
