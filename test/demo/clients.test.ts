/** The demonstration server behind a gateway, asked by real clients: each gets what it said, and a call of its tool. */
import Anthropic from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DemoServer, startDemoServer } from '../../src/demo/model-server.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'

const model = 'demo'
const said = 'Good morning'
const asksForTool = 'Please use the tool.'
const city = { city: 'Bonn' }
const schema = { type: 'object' as const, properties: { city: { type: 'string' } }, examples: [city] }

let server: DemoServer
let gate: RunningGate
beforeAll(async () => {
  server = await startDemoServer()
  gate = await startGate({
    upstream: server.url,
    role: '    routes: [chat, completions, embeddings, models]\n    models: [demo]\n    tools: { allow: [weather] }\n    limits: { requestsPerMinute: 100 }\n',
  })
})
afterAll(async () => {
  await gate.close()
  await server.close()
})

describe('the demonstration server', () => {
  for (const stream of [false, true]) {
    const way = stream ? 'streamed' : 'whole'

    it(`answers Anthropic’s SDK, ${way}`, async () => {
      const client = new Anthropic({ baseURL: gate.data, apiKey: gate.key })
      const ask = async (content: string) => {
        const body = {
          ...{ model, max_tokens: 100, messages: [{ role: 'user' as const, content }] },
          tools: [{ name: 'weather', input_schema: schema }],
        }
        return stream ? client.messages.stream(body).finalMessage() : client.messages.create(body)
      }
      const { content, usage } = await ask(said)
      expect(content).toEqual([
        expect.objectContaining({ type: 'text', text: expect.stringContaining(said) }),
      ])
      expect(usage.output_tokens).toBeGreaterThan(0)
      const call = await ask(asksForTool)
      expect(call.stop_reason).toBe('tool_use')
      expect(call.content).toEqual([
        expect.objectContaining({ type: 'tool_use', name: 'weather', input: city }),
      ])
    })

    it(`answers OpenAI’s SDK in Responses, ${way}`, async () => {
      const client = new OpenAI({ baseURL: `${gate.data}/v1`, apiKey: gate.key })
      const ask = async (input: string) => {
        const tools = [{ type: 'function' as const, name: 'weather', parameters: schema, strict: false }]
        const body = { model, input, tools, store: false }
        return stream ? client.responses.stream(body).finalResponse() : client.responses.create(body)
      }
      expect((await ask(said)).output_text).toContain(said)
      const [call] = (await ask(asksForTool)).output
      expect(call).toMatchObject({ type: 'function_call', name: 'weather', arguments: JSON.stringify(city) })
    })

    it(`answers OpenAI’s SDK in Chat Completions, ${way}`, async () => {
      const client = new OpenAI({ baseURL: `${gate.data}/v1`, apiKey: gate.key })
      const body = { model, messages: [{ role: 'user' as const, content: said }] }
      const answer = stream
        ? await client.chat.completions.stream(body).finalChatCompletion()
        : await client.chat.completions.create(body)
      expect(answer.choices[0]?.message.content).toContain(said)
    })
  }

  it('answers Ollama’s client', async () => {
    const client = new Ollama({ host: gate.data, headers: { authorization: `Bearer ${gate.key}` } })
    const { message } = await client.chat({ model, messages: [{ role: 'user', content: said }] })
    expect(message.content).toContain(said)
  })
})
