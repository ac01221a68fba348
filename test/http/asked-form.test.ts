/** Answers that were asked for as JSON or by a schema, in every dialect, whole and streamed, on the wire and in the record. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { type Said, type Speaker, speakers } from '../rig/speakers.ts'

const model = 'smollm2:135m'
const schema = {
  type: 'object',
  properties: { age: { type: 'integer', minimum: 0 } },
  required: ['age'],
  additionalProperties: false,
}
const recursive = { $defs: { node: { items: { $ref: '#/$defs/node' } } }, $ref: '#/$defs/node' }
const nothing: Said = { content: '', thinking: 'hm', args: '', second: '' }
const fits = '{"age": 7}'
const mismatch = '{"age": "PRIVATE"}'
const halves = (text: string) => text.match(/[\s\S]{1,4}/g) ?? []

type Format = 'json' | object
const askedBy: Readonly<Record<string, (format: Format) => object>> = {
  '/api/chat': (format) => ({ format }),
  '/api/generate': (format) => ({ format }),
  '/v1/chat/completions': (format) => ({
    response_format:
      format === 'json'
        ? { type: 'json_object' }
        : { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: format } },
  }),
  '/v1/responses': (format) => ({
    text: {
      format:
        format === 'json' ? { type: 'json_object' } : { type: 'json_schema', name: 'x', schema: format },
    },
  }),
}
const toolsFor = (path: string, parameters: object) => {
  if (path === '/v1/messages') return [{ name: 'send', input_schema: parameters }]
  if (path === '/v1/responses') return [{ type: 'function', name: 'send', parameters }]
  return [{ type: 'function', function: { name: 'send', parameters } }]
}
/** As a server ends an answer that ran out of tokens. */
const cutShort = (spoken: string) =>
  spoken
    .replace('"done":true', '"done":true,"done_reason":"length"')
    .replace(',"done_reason":"stop"', '')
    .replaceAll('"finish_reason":"stop"', '"finish_reason":"length"')
    .replaceAll('response.completed', 'response.incomplete')
    .replaceAll('"status":"completed"', '"status":"incomplete"')
    .replace('"stop_reason":"tool_use"', '"stop_reason":"max_tokens"')

let server: ModelServer
const gates = new Map<string, RunningGate>()

beforeAll(async () => {
  server = await startModelServer(likeOllama)
  const role = `    routes: [chat, completions]
    models: ["smollm2:*"]
    limits: { requestsPerMinute: 100000, concurrent: 64 }`
  for (const action of ['off', 'flag', 'block'])
    gates.set(
      action,
      await startGate({ upstream: server.url, role, more: `guards: { output: { schema: ${action} } }\n` }),
    )
  gates.set(
    'observe',
    await startGate({
      upstream: server.url,
      role: `${role}\n    guards: { output: { schema: block, mode: observe } }`,
    }),
  )
})
afterAll(async () => {
  for (const gate of gates.values()) await gate.close()
  await server.close()
})

interface Exchange {
  readonly action?: string
  readonly more: object
  readonly said: Partial<Said>
  readonly change?: (spoken: string) => string
}
async function ask(speaker: Speaker, { action = 'block', more, said, change = (same) => same }: Exchange) {
  const gate = gates.get(action) as RunningGate
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  server.script = async (seen, response) => {
    if (seen.method === 'GET') return likeOllama(seen, response)
    response.writeHead(200, { 'content-type': speaker.contentType })
    // The end comes alone, so that a stream has begun before it.
    const spoken = change(speaker.speak({ ...nothing, ...said }, halves))
    response.write(spoken.slice(0, -40))
    if (speaker.stream) await begun
    response.end(spoken.slice(-40))
  }
  const response = await gate.post(speaker.path, { ...speaker.body, ...more, model })
  begin()
  const text = await response.text()
  const record = gate.requests().at(-1) as {
    findings: { id: string; category: string; action: string }[]
    ending: { kind: string; code: string | null }
    would?: string[]
  }
  const found = record.findings
    .filter(({ category }) => category === 'schema')
    .map(({ id, action: done }) => `${id} ${done}`)
  return { status: response.status, text, found, record, logged: gate.logged() }
}

const blocked = 'The response was blocked by policy.'

describe.each(speakers.filter(({ path }) => path in askedBy))('$name', (speaker) => {
  const asked = (format: Format) => askedBy[speaker.path]?.(format) ?? {}
  const isBlocked = ({ status, text, record }: Awaited<ReturnType<typeof ask>>) => {
    expect(record.ending).toMatchObject({ kind: speaker.stream ? 'cut' : 'refused', code: 'output_blocked' })
    expect(status).toBe(speaker.stream ? 200 : 400)
    expect(text).toContain(blocked)
    if (!speaker.stream) expect(text).not.toContain('PRIVATE')
    expect(text).not.toMatch(/\[DONE\]|"done":true|response\.completed/)
  }

  it('passes what fits, untouched', async () => {
    const answer = await ask(speaker, { more: asked(schema), said: { content: fits } })
    expect([answer.status, answer.found, answer.record.ending.kind]).toEqual([200, [], 'answered'])
    expect(speaker.hear(answer.text).content).toBe(fits)
  })

  it('blocks what is no JSON, where any JSON was asked for', async () => {
    const answer = await ask(speaker, { more: asked('json'), said: { content: 'Sure: {"age": 7}' } })
    expect(answer.found).toEqual(['schema.no-json block'])
    isBlocked(answer)
  })

  it('blocks another shape, and writes its words nowhere', async () => {
    const answer = await ask(speaker, { more: asked(schema), said: { content: mismatch } })
    expect(answer.found).toEqual(['schema.mismatch block'])
    isBlocked(answer)
    expect(answer.logged).not.toContain('PRIVATE')
  })

  it('blocks an empty answer', async () => {
    const answer = await ask(speaker, { more: asked(schema), said: {} })
    expect(answer.found).toEqual(['schema.empty block'])
    isBlocked(answer)
  })

  it('names an answer that ran out of tokens for that', async () => {
    const exchange = { more: asked(schema), said: { content: '{"age": ' }, change: cutShort }
    expect((await ask(speaker, exchange)).found).toEqual(['schema.cut-short block'])
  })

  it('flags and passes it, where the policy only flags', async () => {
    const answer = await ask(speaker, { action: 'flag', more: asked(schema), said: { content: mismatch } })
    expect([answer.status, answer.found]).toEqual([200, ['schema.mismatch flag']])
    expect(speaker.hear(answer.text).content).toBe(mismatch)
  })

  it('says that it would have been blocked, where the guard only observes', async () => {
    const answer = await ask(speaker, { action: 'observe', more: asked(schema), said: { content: mismatch } })
    expect([answer.status, answer.found, answer.record.would]).toEqual([
      200,
      ['schema.mismatch flag'],
      ['output_blocked'],
    ])
  })

  it('does nothing by default', async () => {
    const answer = await ask(speaker, { action: 'off', more: asked(schema), said: { content: mismatch } })
    expect([answer.status, answer.found]).toEqual([200, []])
  })

  it.each([
    ['refers to itself', recursive],
    ['has keywords that nobody checks', { type: 'object', format: 'date' }],
    ['has a pattern that backtracks', { type: 'string', pattern: '(a)\\1' }],
    ['has too many patterns', { anyOf: Array.from({ length: 40 }, (_, n) => ({ pattern: `${n}` })) }],
  ])('passes and notes as unchecked what was asked for by a schema that %s', async (_, hostile) => {
    const answer = await ask(speaker, { more: asked(hostile), said: { content: mismatch } })
    expect([answer.status, answer.found]).toEqual([200, ['schema.unchecked flag']])
  })

  it('leaves free text alone, where nothing was asked for', async () => {
    const answer = await ask(speaker, { more: {}, said: { content: 'Hello.' } })
    expect([answer.status, answer.found]).toEqual([200, []])
  })
})

describe.each(speakers.filter(({ channels }) => channels.includes('args')))(
  'a tool call, $name',
  (speaker) => {
    const offers = (parameters: object) => ({ tools: toolsFor(speaker.path, parameters) })

    it('passes with the arguments that the tool declares', async () => {
      const answer = await ask(speaker, { more: offers(schema), said: { args: fits } })
      expect([answer.status, answer.found, answer.record.ending.kind]).toEqual([200, [], 'answered'])
    })

    it('takes the place of an answer in the form that was asked for', async () => {
      const more = { ...offers(schema), ...askedBy[speaker.path]?.(schema) }
      expect((await ask(speaker, { more, said: { args: fits } })).found).toEqual([])
    })

    it('is blocked with others', async () => {
      const answer = await ask(speaker, { more: offers(schema), said: { args: mismatch } })
      expect(answer.found).toEqual(['schema.arguments block'])
      expect(answer.text).toContain(blocked)
    })

    it('is noted as unchecked where its schema cannot be checked, or no such tool was offered', async () => {
      for (const more of [offers(recursive), {}]) {
        const answer = await ask(speaker, { more, said: { args: mismatch } })
        expect([answer.status, answer.found]).toEqual([200, ['schema.unchecked flag']])
      }
    })
  },
)
