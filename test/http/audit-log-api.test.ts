/** The whole audit log over the admin API: verified, reported and exported as the commands do. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const headers = { authorization: 'Bearer t0ken-of-sixteen-letters' }

async function start(): Promise<RunningGate> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, admin: 'token: t0ken-of-sixteen-letters' })
  open.push(model, gate)
  const messages = [{ role: 'user', content: 'Which bulbs can I plant?' }]
  for (let left = 3; left > 0; left--)
    await (await gate.post('/api/chat', { model: 'smollm2:135m', messages, stream: false })).text()
  return gate
}

const ask = (gate: RunningGate, path: string) => fetch(`${gate.admin}/admin/v1/audit/${path}`, { headers })

/** The events of a stream, in their order. */
const eventsOf = (text: string) =>
  Array.from(text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g), ([, event, data = '']) => ({
    event,
    data: JSON.parse(data) as { ok?: boolean; records?: number; problems?: string[] },
  }))

describe('GET /admin/v1/audit/verify', () => {
  it('ends with what `torwart audit verify` finds', async () => {
    const gate = await start()
    const response = await ask(gate, 'verify')
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const { event, data } = eventsOf(await response.text()).at(-1) ?? {}
    expect(event).toBe('done')
    expect(data).toMatchObject({ ok: true, records: gate.records().length, problems: [] })
  })

  it('tells where the log is broken, and not where it lies', async () => {
    const gate = await start()
    const text = readFileSync(gate.auditFile, 'utf8')
    writeFileSync(gate.auditFile, text.replace('smollm2:135m', 'smollm2:136m'))
    const { data } = eventsOf(await (await ask(gate, 'verify')).text()).at(-1) ?? {}
    expect(data?.ok).toBe(false)
    expect(data?.problems?.join()).toMatch(/^audit\.jsonl:\d+: record \d+/)
    expect(JSON.stringify(data)).not.toContain(gate.folder)
  })
})

describe('GET /admin/v1/audit/report', () => {
  it('has the report of the last day as a download', async () => {
    const gate = await start()
    const response = await ask(gate, 'report')
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="incident-report.md"')
    const { out } = await cli(['audit', 'report', gate.auditFile])
    const withoutTimes = (text: string) => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '')
    expect(withoutTimes(await response.text())).toBe(withoutTimes(out))
  })
})

describe('GET /admin/v1/audit/export', () => {
  it.each(['jsonl', 'csv', 'cef', 'ecs'])('has what `torwart audit export` prints, as %s', async (format) => {
    const gate = await start()
    const response = await ask(gate, `export?format=${format}`)
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="audit.${format}"`)
    const { out } = await cli(['audit', 'export', gate.auditFile, '--format', format])
    expect(await response.text()).toBe(out)
  })

  it.each(['export?format=exe', 'export?since=soon', 'export?why=x', 'report?until=never'])(
    'refuses %s',
    async (path) => expect((await ask(await start(), path)).status).toBe(400),
  )

  it('stops when its client leaves, and serves the next one then', async () => {
    const gate = await start()
    // More than fits into the buffers of a connection.
    const line =
      readFileSync(gate.auditFile, 'utf8')
        .split('\n')
        .findLast((each) => each.includes('"route"')) ?? ''
    const seq = gate.records().length
    const many = Array.from({ length: 20_000 }, (_, index) =>
      line.replace(/"seq":\d+/, `"seq":${seq + 1 + index}`),
    )
    appendFileSync(gate.auditFile, `${many.join('\n')}\n`)
    const isOpen = await new Promise<boolean>((resolve) => {
      const request = get(`${gate.admin}/admin/v1/audit/export`, { headers }, (response) => {
        response.pause()
        void ask(gate, 'export').then(async (second) => {
          resolve(second.status === 429)
          await second.body?.cancel()
          request.destroy()
        })
      })
      request.on('error', () => {})
    })
    expect(isOpen).toBe(true)
    await until(async () => {
      const again = await ask(gate, 'export?since=2020-01-01&until=2020-01-02')
      await again.text()
      return again.status === 200
    })
  })
})

it('shows nothing of the log to strangers', async () => {
  const gate = await start()
  for (const path of ['verify', 'report', 'export'])
    expect((await fetch(`${gate.admin}/admin/v1/audit/${path}`)).status).toBe(401)
})
