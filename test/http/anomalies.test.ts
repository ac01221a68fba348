/** Anomalies in a running gateway: who is told, what is on record, what `freeze` ends, and what strangers can do to it. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Learning } from '../../src/anomalies/anomaly.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import type { AnomalyView } from '../../src/http/admin/anomalies-api.ts'
import { signatureOf } from '../../src/telemetry/webhook.ts'
import { minute, trainedState } from '../rig/anomalies.ts'
import { cli } from '../rig/cli.ts'
import { shiftedClock } from '../rig/clock.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { holdPosts, type ModelServer, play, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const token = 'a-token-long-enough'
const second = mintKey()
/** What the gateways of this file have learned was learned until then. */
const beganMs = Date.now()

interface Started {
  readonly gate: RunningGate
  readonly model: ModelServer
  readonly clock: ReturnType<typeof shiftedClock>
}

/** A gateway that has seen four calm weeks of both keys, or nothing. @param anomalies YAML, flow style */
async function start(anomalies: string, isTrained = true): Promise<Started> {
  const model = await startModelServer()
  const clock = shiftedClock()
  const gate = await startGate({
    upstream: model.url,
    admin: `token: ${token}`,
    more: `anomalies: ${anomalies}\n`,
    keys: [entryOf(second.key, second.id)],
    clock,
    intervals: isTrained ? {} : { anomaliesSaveMs: 50 },
    prepare: async (folder, keyId) => {
      if (!isTrained) return
      writeFileSync(join(folder, 'audit.jsonl.anomalies'), await trainedState([keyId, second.id], beganMs))
    },
  })
  open.push(model, gate)
  return { gate, model, clock }
}

const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }
const ask = async (gate: RunningGate, key = gate.key) => {
  const response = await gate.post('/api/chat', chat, { authorization: `Bearer ${key}` })
  await response.text()
  return `${response.status} ${response.headers.get('x-torwart-code') ?? 'ok'}`
}
const admin = async <T>({ admin: base }: RunningGate, path: string): Promise<T> => {
  const response = await fetch(`${base}/admin/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  return (await response.json()) as T
}
const listed = async (gate: RunningGate) =>
  (await admin<{ anomalies: AnomalyView[] }>(gate, '/anomalies')).anomalies
const events = (gate: RunningGate, name: string) => gate.records().filter(({ event }) => event === name)

/** Sends far more than is usual, and waits until the gateway has noticed. */
async function loop({ gate, clock }: Started) {
  await Promise.all(Array.from({ length: 60 }, () => ask(gate)))
  return until(async () => {
    clock.advance(minute / 2)
    return (await listed(gate)).find(({ subject }) => subject.kind === 'key')
  })
}

interface Told {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

async function receiver() {
  const told: Told[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    told.push({ headers: request.headers, body })
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close() {
      server.close()
      server.closeAllConnections()
    },
  })
  const address = server.address()
  return { told, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/hook` }
}

describe('an anomaly', { timeout: 60_000 }, () => {
  it('is listed, counted, on record, in the log, and told with a signature that verifies', async () => {
    const { told, url } = await receiver()
    const started = await start(`{ webhook: { url: "${url}", secret: a-shared-secret } }`)
    const { gate } = started
    const anomaly = await loop(started)
    expect(anomaly).toMatchObject({ subject: { kind: 'key', id: gate.keyId }, state: 'open' })
    expect(Object.keys(anomaly)).toEqual([
      'id',
      'kind',
      'subject',
      'since',
      'at',
      'usual',
      'now',
      'score',
      'records',
      'state',
    ])
    expect(Date.parse(anomaly.since)).toBeLessThanOrEqual(Date.parse(anomaly.at))
    const ids = new Set(gate.requests().map(({ id }) => id))
    expect(anomaly.records.some((id) => ids.has(id))).toBe(true)

    const [event] = await until(() => {
      const found = events(gate, 'anomaly begun').filter((each) => each.anomaly === anomaly.id)
      return found.length > 0 && found
    })
    expect(event).toMatchObject({
      kind: anomaly.kind,
      key: gate.keyId,
      usual: anomaly.usual,
      now: anomaly.now,
    })
    const metrics = await (
      await fetch(`${gate.admin}/metrics`, { headers: { authorization: `Bearer ${token}` } })
    ).text()
    expect(metrics).toMatch(new RegExp(`^torwart_anomalies_total\\{kind="${anomaly.kind}"\\} [1-9]`, 'm'))
    expect(metrics).toMatch(/^torwart_anomalies_total\{kind="new-network"\} 0$/m)
    expect(metrics).toMatch(/^torwart_anomalies_open [1-9]/m)
    expect(gate.logged()).toMatch(/"level":40,.*"anomaly begun"|"level":"warn".*"anomaly begun"/)

    const message = await until(() => told.find(({ body }) => body.includes(anomaly.id)))
    const timestamp = String(message.headers['x-torwart-timestamp'])
    expect(message.headers['x-torwart-signature']).toBe(
      `v1=${signatureOf('a-shared-secret', timestamp, message.body)}`,
    )
    expect(JSON.parse(message.body)).toEqual({ event: 'begun', anomaly })
    // Of a key that only alarms, nothing is stopped.
    expect(await ask(gate)).toBe('200 ok')
    expect(events(gate, 'frozen')).toEqual([])
  })

  it('is only on record under observe', async () => {
    const { told, url } = await receiver()
    const started = await start(`{ mode: observe, webhook: { url: "${url}", secret: s } }`)
    const { gate } = started
    const anomaly = await loop(started)
    await until(() => events(gate, 'anomaly begun').some((each) => each.anomaly === anomaly.id))
    expect(gate.logged()).not.toMatch(/"level":(?:40|"warn").*"anomaly begun"/)
    expect(told).toEqual([])
  })

  it('is over when the key does what it did before, which is told, too', async () => {
    const { told, url } = await receiver()
    const started = await start(`{ webhook: { url: "${url}", secret: s } }`)
    const { id } = await loop(started)
    await until(async () => {
      started.clock.advance(60 * minute)
      await ask(started.gate)
      return events(started.gate, 'anomaly over').some(({ anomaly }) => anomaly === id)
    })
    const over = await until(() =>
      told.map(({ body }) => JSON.parse(body)).find(({ event }) => event === 'over'),
    )
    expect(over.anomaly).toMatchObject({ state: 'over' })
    expect((await listed(started.gate)).find((each) => each.id === id)?.state).toBe('over')
  })

  it('is shown by the command, which exits with 1 while it is open', async () => {
    const started = await start('{}')
    const { gate, clock } = started
    const words = ['anomalies', '-c', gate.policyFile, '--admin', gate.admin]
    expect(await cli(words)).toMatchObject({ code: 0, out: expect.stringMatching(/^Nothing is unusual\.\n/) })
    const { id, kind } = await loop(started)
    const told = await cli(words)
    expect(told).toMatchObject({ code: 1, err: '' })
    expect(told.out).toContain(`key ${gate.keyId}  ${kind}, open since 2`)
    const json = await cli([...words, '--json'])
    expect(json.code).toBe(1)
    const document = JSON.parse(json.out)
    expect(Object.keys(document)).toEqual(['anomalies', 'learning'])
    expect(document.anomalies.some((each: AnomalyView) => each.id === id)).toBe(true)
    await until(async () => {
      clock.advance(60 * minute)
      return (await cli(words)).code === 0
    })
  })
})

describe('freeze', () => {
  it('ends what the key is doing and nothing else, for a time, by a name that says why', async () => {
    const started = await start('{ mode: freeze, freezeFor: 10m }')
    const { gate, model, clock } = started
    const held = holdPosts(model, async (_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write(
        '{"model":"smollm2:135m","message":{"role":"assistant","content":"on and on "},"done":false}\n',
      )
    })
    const streams = [gate.key, second.key].map((key) =>
      gate.post('/api/chat', { ...chat, stream: true }, { authorization: `Bearer ${key}` }),
    )
    await until(() => held.length === 2)
    for (const go of held.splice(0)) go()
    const [own, other] = await Promise.all(streams)
    const ended = own?.text()
    model.script = (_, response) => play('chat-whole', response)
    const { kind } = await loop(started)
    expect(await ended).toContain('frozen')
    expect(await ask(gate)).toBe('403 frozen')
    expect(await ask(gate, second.key)).toBe('200 ok')
    const { freezes } = await admin<{ freezes: { at: string; until: string }[] }>(gate, '/freezes')
    expect(freezes).toMatchObject([
      {
        kind: 'key',
        name: gate.keyId,
        by: 'anomaly watch',
        why: expect.stringMatching(/^anomaly: [a-z-]+$/),
      },
    ])
    expect(kind).toMatch(/^[a-z-]+$/)
    const [{ at = '', until: end = '' } = {}] = freezes
    expect(Date.parse(end) - Date.parse(at)).toBe(10 * minute)
    await until(() => events(gate, 'frozen').length === 1)
    await other?.body?.cancel()
    clock.advance(11 * minute)
    expect(await ask(gate)).toBe('200 ok')
  })

  it('does not shorten a freeze by a person', async () => {
    const started = await start('{ mode: freeze, freezeFor: 10m }')
    const { gate, clock } = started
    await Promise.all(Array.from({ length: 60 }, () => ask(gate)))
    await cli(['freeze', 'key', gate.keyId, '--why', 'a person says so', '-c', gate.policyFile])
    await until(async () => {
      clock.advance(minute / 2)
      return (await listed(gate)).some(({ subject }) => subject.kind === 'key')
    })
    await until(() => events(gate, 'anomaly begun').length > 0)
    const { freezes } = await admin<{ freezes: object[] }>(gate, '/freezes')
    expect(freezes).toMatchObject([{ why: 'a person says so', until: null }])
  })
})

describe('what a stranger sends', () => {
  it('teaches nothing, whatever key it names', async () => {
    const { gate } = await start('{}', false)
    const forged = second.key.replace(/.{8}$/, 'AAAAAAAA')
    for (const authorization of [`Bearer ${forged}`, 'Bearer nonsense', ''])
      for (let at = 0; at < 5; at++) {
        const refused = await gate.post('/api/chat', chat, { authorization })
        await refused.text()
        expect(refused.status).toBe(401)
      }
    expect(await ask(gate)).toBe('200 ok')
    // What came later was looked at, so what came before was.
    const learning = await until(async () => {
      const { learning: all } = await admin<{ learning: Learning[] }>(gate, '/anomalies')
      return all.length > 0 && all
    })
    expect(learning.filter(({ subject }) => subject.kind === 'key')).toMatchObject([
      { subject: { kind: 'key', id: gate.keyId }, requests: 1 },
    ])
    expect(learning.every(({ requests }) => requests === 1)).toBe(true)
  })
})

describe('the state file', () => {
  it('holds no text, no address and no secret, and is for its user alone', async () => {
    const { gate, model } = await start('{}', false)
    model.script = (_, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(
          '{"model":"smollm2:135m","message":{"role":"assistant","content":"The word is Xylophone."},"done":true,"done_reason":"stop"}',
        )
    const prompt = { ...chat, messages: [{ role: 'user', content: 'What is a Quagmire?' }] }
    for (let at = 0; at < 5; at++) await (await gate.post('/api/chat', prompt)).text()
    const file = join(gate.folder, 'audit.jsonl.anomalies')
    const text = await until(() => {
      const saved = existsSync(file) && readFileSync(file, 'utf8')
      return saved !== false && saved.includes(gate.keyId) && saved
    })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    for (const word of ['Xylophone', 'Quagmire', '127.0.0', gate.key]) expect(text).not.toContain(word)
  })
})
