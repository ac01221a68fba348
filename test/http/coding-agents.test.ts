/** The shipped role `coding-agent` before what coding agents send: sizes and counts as they were recorded, texts of ours. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, shippedRole, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({ upstream: model.url, role: shippedRole('coding-agent') })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const words = (bytes: number) =>
  'The function returns the sum of both numbers. '.repeat(Math.ceil(bytes / 46))
const toolNames = Array.from({ length: 24 }, (_, index) => `tool_${index}`)
const schema = { type: 'object', properties: { path: { type: 'string', description: words(400) } } }
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const name = 'smollm2:135m'

/** A turn late in a long session: everything said so far comes anew. */
const turns = {
  'Claude Code': (turn: number) => ({
    path: '/v1/messages',
    body: {
      model: name,
      max_tokens: 32_000,
      stream: true,
      system: [{ type: 'text', text: words(60_000), cache_control: { type: 'ephemeral' } }],
      tools: toolNames.map((tool) => ({ name: tool, description: words(1500), input_schema: schema })),
      messages: Array.from({ length: 20 }, (_, index) => ({
        role: index % 2 === 0 ? 'user' : 'assistant',
        content: [
          { type: 'text', text: `${index} of ${turn}: ${words(12_000)}` },
          ...(index === 0
            ? [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }]
            : []),
        ],
      })).slice(0, 19),
    },
  }),
  Codex: (turn: number) => ({
    path: '/v1/responses',
    body: {
      model: name,
      stream: true,
      store: false,
      instructions: words(20_000),
      input: [
        {
          type: 'message',
          role: 'user',
          content: [{ type: 'input_text', text: `${turn}: ${words(40_000)}` }],
        },
      ],
      tools: toolNames
        .slice(0, 13)
        .map((tool) => ({ type: 'function', name: tool, parameters: schema, strict: false })),
    },
  }),
  opencode: (turn: number) => ({
    path: '/v1/chat/completions',
    body: {
      model: name,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 32_000,
      messages: [
        { role: 'system', content: words(30_000) },
        { role: 'user', content: `${turn}: ${words(30_000)}` },
      ],
      tools: toolNames
        .slice(0, 15)
        .map((tool) => ({ type: 'function', function: { name: tool, parameters: schema } })),
    },
  }),
  aider: (turn: number) => ({
    path: '/api/chat',
    body: {
      model: name,
      stream: true,
      options: { num_ctx: 65_536 },
      messages: [{ role: 'user', content: `${turn}: ${words(60_000)}` }],
    },
  }),
}

/** Who sends no limit of an answer's length is told that one was set. */
const told: Record<string, string> = { Codex: 'max_output_tokens', aider: 'num_predict' }

describe('the shipped role coding-agent', () => {
  it.each(Object.entries(turns))('lets %s work: six turns at once, and again', async (client, turnOf) => {
    for (let round = 0; round < 3; round++) {
      const asked = Array.from({ length: 6 }, async (_, index) => {
        const { path, body } = turnOf(round * 6 + index)
        const response = await gate.post(path, body)
        const text = await response.text()
        const { status, headers } = response
        return [status, headers.get('x-torwart-clamped'), status === 200 ? '' : text]
      })
      for (const answer of await Promise.all(asked)) expect(answer).toEqual([200, told[client] ?? null, ''])
    }
    // Twice what was asked, in the same minute.
    expect(
      Number(
        (await gate.post('/api/chat', turns.aider(99).body)).headers.get('x-ratelimit-remaining-requests'),
      ),
    ).toBeGreaterThan(18)
  })
})
