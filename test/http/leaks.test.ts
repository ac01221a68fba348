/**
 * Values of every kind that is masked, planted in every field of requests of every dialect, in headers and in streamed
 * answers cut into single characters: nothing that the process writes (audit, log, metrics) may hold one of them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorCode } from '../../src/core/error-code.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { dialects } from '../../src/dialects/dialects.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { fullRequests } from '../dialects/full-requests.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeLocalai } from '../rig/localai.ts'
import { likeOllama, type ModelServer, type Script, startModelServer } from '../rig/model-server.ts'
import { allSensitive, leakedInto, sensitiveInPlace, sensitiveValues } from '../rig/sensitive.ts'

let model: ModelServer
let local: ModelServer
const gates: RunningGate[] = []
const role = `    routes: [chat, completions, embeddings, models, audio, images, rerank, tokenize, moderations, admin]
    models: ["*", "*:*"]
    limits: { requestsPerMinute: unlimited }
    caps: { images: 9, tools: 999 }
    allow: [raw, template, context, mediaUrls]
    trustIds: true
`

beforeAll(async () => {
  model = await startModelServer()
  local = await startModelServer(likeLocalai)
  gates.push(await startGate({ upstream: model.url, role, more: 'guards: { prompt: { mode: observe } }\n' }))
  gates.push(
    await startGate({
      upstream: local.url,
      kind: 'localai',
      role: role.replace('["*", "*:*"]', '["*", "*:*", "*/*"]'),
      more: 'guards: { prompt: { mode: observe } }\n',
    }),
  )
})
afterAll(async () => {
  for (const gate of gates) await gate.close()
  await model.close()
  await local.close()
})

/** What the test has written itself. */
const own: ReadonlySet<string> = new Set(['torwart.yaml', 'keys.yaml'])

/** Reads all files but our own; once more from the start if one was renamed meanwhile, as those that are replaced are. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !own.has(name))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return filesIn(folder)
    throw error
  }
}

/** Everything: files beside the policy, log lines, metrics. */
async function written(gate: RunningGate): Promise<string> {
  const files = filesIn(gate.folder)
  return [...files, gate.logged(), await (await fetch(`${gate.admin}/metrics`)).text()].join('\n')
}

/** The body once for every text in it, with the values in its place; and once with them as a field nobody knows. */
function planted(body: JsonValue): JsonValue[] {
  if (typeof body === 'string') return [allSensitive]
  if (Array.isArray(body))
    return body.flatMap((each, index) => planted(each).map((change) => body.with(index, change)))
  if (typeof body !== 'object' || body === null) return []
  const inner = Object.entries(body).flatMap(([name, value]) =>
    planted(value).map((change) => ({ ...body, [name]: change })),
  )
  return [...inner, { ...body, [sensitiveValues[0] ?? '']: allSensitive }]
}

describe('nothing that is written holds a value', () => {
  const routes = dialects.flatMap(({ endpoints }) =>
    endpoints.flatMap((endpoint) =>
      endpoint.kind === 'exchange' &&
      endpoint.method === 'POST' &&
      !endpoint.form &&
      fullRequests[endpoint.path]
        ? [endpoint.path]
        : [],
    ),
  )

  it.each(routes)(
    'of any field of %s',
    async (path) => {
      const body = fullRequests[path] as JsonObject
      const bodies = planted(body)
      expect(bodies.length).toBeGreaterThan(1)
      let read = 0
      for (const gate of gates) {
        for (const each of bodies) await (await gate.post(path, each)).arrayBuffer()
        // They came as far as the record, and stand there masked.
        const reached = gate.requests().filter(({ route, prompt }) => route === path && Array.isArray(prompt))
        if (reached.length > 0) expect(JSON.stringify(reached)).toContain('<email:1>')
        read += reached.length
        expect(leakedInto(await written(gate))).toEqual([])
      }
      expect(read).toBeGreaterThan(0)
    },
    60_000,
  )

  it('of any header or path', async () => {
    const [gate] = gates
    if (!gate) throw new Error('no gate')
    const names = [
      'x-request-id',
      'traceparent',
      'x-agent-id',
      'x-session-id',
      'user-agent',
      'cookie',
      'x-api-key',
      'referer',
    ]
    for (const value of sensitiveValues) {
      const header = value.replaceAll(/[^\x20-\x7e]/g, '')
      for (const name of names) await (await gate.get('/api/tags', { [name]: header })).arrayBuffer()
      await (await gate.get('/api/tags', { authorization: `Bearer ${header}` })).arrayBuffer()
      await (await gate.get(`/api/tags?q=${encodeURIComponent(value)}`)).arrayBuffer()
      await (await gate.get(`/v1/models/${encodeURIComponent(value)}`)).arrayBuffer()
      await (await gate.post(`/nowhere/${encodeURIComponent(value)}`, {})).arrayBuffer()
      await (await gate.post('/api/chat', `{"${value}`)).arrayBuffer()
    }
    await (await gate.get('/api/tags', { 'x-agent-id': 'agent-7', 'x-session-id': 's/1' })).arrayBuffer()
    expect(gate.requests().at(-1)).toMatchObject({ agent: 'agent-7', session: 's/1' })
    expect(leakedInto(await written(gate))).toEqual([])
  })

  const messages = [{ role: 'user', content: 'x' }]
  const args = JSON.stringify({ to: allSensitive })
  const line = (response: ServerResponse, value: object) => response.write(`${JSON.stringify(value)}\n`)
  const sse = (response: ServerResponse, value: object | string, event?: string) =>
    response.write(
      `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`,
    )
  const streams: readonly (readonly [
    path: string,
    body: object,
    type: string,
    script: (response: ServerResponse) => void,
  ])[] = [
    [
      '/api/chat',
      { messages },
      'application/x-ndjson',
      (response) => {
        for (const content of allSensitive) line(response, { model: 'm', message: { content }, done: false })
        const call = { function: { name: `f_${sensitiveValues[0]}`, arguments: { to: allSensitive } } }
        line(response, { model: 'm', message: { content: '', tool_calls: [call] }, done: true })
      },
    ],
    [
      '/api/generate',
      { prompt: 'x' },
      'application/x-ndjson',
      (response) => {
        for (const each of allSensitive) line(response, { model: 'm', response: each, done: false })
        line(response, { model: 'm', response: '', done: true })
      },
    ],
    [
      '/v1/chat/completions',
      { messages, stream: true },
      'text/event-stream',
      (response) => {
        const chunk = (delta: object, finish_reason: string | null = null) =>
          sse(response, { id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason }] })
        for (const content of allSensitive) chunk({ content })
        for (const reasoning of allSensitive) chunk({ reasoning })
        chunk({ tool_calls: [{ index: 0, id: 't', function: { name: 'f', arguments: '' } }] })
        for (const piece of args) chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] })
        chunk({}, 'tool_calls')
        sse(response, '[DONE]')
      },
    ],
    [
      '/v1/completions',
      { prompt: 'x', stream: true },
      'text/event-stream',
      (response) => {
        for (const text of allSensitive)
          sse(response, { id: 'c', model: 'm', choices: [{ index: 0, text, finish_reason: null }] })
        sse(response, { id: 'c', model: 'm', choices: [{ index: 0, text: '', finish_reason: 'stop' }] })
        sse(response, '[DONE]')
      },
    ],
    [
      '/v1/messages',
      { messages, max_tokens: 9, stream: true },
      'text/event-stream',
      (response) => {
        const event = (type: string, more: object) => sse(response, { type, ...more }, type)
        event('message_start', { message: { model: 'm', usage: {} } })
        event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
        for (const text of allSensitive)
          event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })
        event('content_block_start', { index: 1, content_block: { type: 'tool_use', name: 'f', input: {} } })
        for (const partial_json of args)
          event('content_block_delta', { index: 1, delta: { type: 'input_json_delta', partial_json } })
        event('message_delta', { delta: { stop_reason: 'tool_use' }, usage: {} })
        event('message_stop', {})
      },
    ],
    [
      '/v1/responses',
      { input: 'x', stream: true },
      'text/event-stream',
      (response) => {
        const event = (type: string, more: object) => sse(response, { type, ...more }, type)
        event('response.created', { response: { id: 'r', model: 'm', output: [] } })
        for (const delta of allSensitive) event('response.output_text.delta', { delta, output_index: 0 })
        const output = [{ type: 'function_call', call_id: 'c', name: 'f', arguments: args }]
        event('response.output_item.done', { output_index: 1, item: output[0] })
        event('response.completed', { response: { id: 'r', model: 'm', status: 'completed', output } })
      },
    ],
  ]

  it.each(streams)('that the model streams on %s, a character a frame', async (path, body, type, script) => {
    const [gate] = gates
    if (!gate) throw new Error('no gate')
    const playing: Script = (_seen, response) => {
      response.writeHead(200, { 'content-type': type })
      script(response)
      response.end()
    }
    model.script = (seen, response) => (seen.method === 'POST' ? playing : likeOllama)(seen, response)
    const answer = await (await gate.post(path, { model: 'smollm2:135m', ...body })).text()
    model.script = likeOllama
    expect(answer.length).toBeGreaterThan(1000)
    const record = gate.requests().findLast(({ route }) => route === path)
    expect(record).toMatchObject({ ending: { kind: 'answered' } })
    expect(JSON.stringify(record?.answer)).toContain('<email:')
    expect(leakedInto(await written(gate))).toEqual([])
  })

  it('that a failing model server says', async () => {
    const [gate] = gates
    if (!gate) throw new Error('no gate')
    for (const status of [400, 404, 500, 503]) {
      model.script = (seen, response) => {
        if (seen.method !== 'POST') return likeOllama(seen, response)
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: allSensitive }))
        return undefined
      }
      await (await gate.post('/api/chat', { model: 'smollm2:135m', messages })).arrayBuffer()
    }
    model.script = likeOllama
    expect(leakedInto(await written(gate))).toEqual([])
  })
})

describe('the operational log', () => {
  const logged = (write: (log: ReturnType<typeof createLog>) => void): string => {
    let text = ''
    write(
      createLog('trace', {
        write: (line) => {
          text += line
        },
      }),
    )
    return text
  }

  it('masks what should never have been handed to it', () => {
    for (const [text, secret] of [
      ...sensitiveInPlace,
      ...sensitiveValues.map((value) => [value, value] as const),
    ]) {
      const line = logged((log) => log.info({ what: { deep: [text] }, code: text }, `it says ${text}`))
      expect(line).not.toContain(JSON.stringify(secret).slice(1, -1))
      expect(JSON.parse(line)).toHaveProperty('level', 'info')
    }
    expect(
      logged((log) => log.info({ a: { token: 'abc' }, b: { c: { authorization: 'abc' } } })),
    ).not.toContain('abc')
    expect(logged((log) => log.info({ number: 4_111_111_111_111_111 }))).not.toContain('4111111111111111')
  })

  it('leaves alone what is its own', () => {
    const fields = { data: 'http://127.0.0.1:8080', admin: 'http://127.0.0.1:9464', policy: '0123456789ab' }
    const line = logged((log) => log.info({ ...fields, hash: 'a1'.repeat(32) }, 'listening'))
    expect(JSON.parse(line)).toMatchObject({ ...fields, msg: 'listening' })
  })
})
