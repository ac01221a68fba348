/** The real `openai` from npm and its Responses API, unchanged but for URL and key. */
import OpenAI, { BadRequestError, NotFoundError } from 'openai'
import type { ResponseStreamEvent } from 'openai/resources/responses/responses'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  blocked,
  colours,
  failed,
  injection,
  name,
  question,
  type Scene,
  startScene,
  weather,
} from '../rig/clients.ts'

let scene: Scene
let openai: OpenAI
beforeAll(async () => {
  scene = await startScene()
  openai = new OpenAI({ baseURL: `${scene.gate.data}/v1`, apiKey: scene.gate.key })
})
afterAll(() => scene.close())

const ask = { model: name, input: question }
const tools = [{ type: 'function' as const, ...weather, strict: false }]
const eventsOf = async (stream: AsyncIterable<ResponseStreamEvent>) => {
  const events = []
  for await (const event of stream) events.push(event)
  return events
}

describe('openai responses', () => {
  it('come whole', async () => {
    const { output_text, usage, status } = await openai.responses.create({
      ...ask,
      instructions: 'Be brief.',
      max_output_tokens: 24,
    })
    expect([output_text, usage?.output_tokens, status]).toEqual([colours, 12, 'completed'])
    expect(scene.model.posts.at(-1)?.json).toEqual({
      ...ask,
      instructions: 'Be brief.',
      max_output_tokens: 24,
    })
    expect(scene.gate.requests().at(-1)).toMatchObject({
      dialect: 'responses',
      usage: { input: 13, output: 12 },
      answer: { text: { text: colours } },
    })
  })

  it('come as a stream', async () => {
    const events = await eventsOf(await openai.responses.create({ ...ask, stream: true }))
    const text = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
    expect(text.join('')).toBe('The three primary colours are: red, blue, and yellow.')
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_event, at) => at))
    expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { status: 'completed' } })
  })

  it('call tools, and go on with what the tool said', async () => {
    const { output } = await scene.playing(['v1-responses-tools-stream'], () =>
      openai.responses.stream({ ...ask, tools }).finalResponse(),
    )
    const calls = output.filter((item) => item.type === 'function_call')
    const [call] = calls
    expect(call).toMatchObject({ name: 'get_weather', arguments: '{"city":"Bonn"}' })
    expect(scene.gate.requests().at(-1)).toMatchObject({
      answer: { toolCalls: [{ name: 'get_weather', arguments: '{"city":"Bonn"}' }] },
    })

    const said = { type: 'function_call_output' as const, call_id: call?.call_id ?? '', output: '12 degrees' }
    const input = [{ role: 'user' as const, content: question }, ...calls, said]
    const { output_text } = await openai.responses.create({ model: name, tools, input })
    expect(output_text).toBe(colours)
    expect(scene.model.posts.at(-1)?.json.input).toMatchObject([
      { role: 'user', content: question },
      { type: 'function_call', call_id: call?.call_id, arguments: '{"city":"Bonn"}' },
      said,
    ])
  })

  it('reach the model without the search that its server would run', async () => {
    const search = { type: 'web_search' as const, external_web_access: true }
    const { output_text } = await openai.responses.create({ ...ask, tools: [search, ...tools] })
    expect(output_text).toBe(colours)
    expect(scene.model.posts.at(-1)?.json.tools).toMatchObject([{ type: 'function', name: 'get_weather' }])
    expect(scene.model.posts.at(-1)?.text).not.toContain('web_search')
  })

  it('go on from an id that their server does not read, and are told that it was left out', async () => {
    const { data, response } = await openai.responses
      .create({ ...ask, previous_response_id: 'resp_1' })
      .withResponse()
    expect(data.output_text).toBe(colours)
    expect(response.headers.get('x-torwart-left-out')).toBe('previous_response_id')
    expect(scene.model.posts.at(-1)?.json).not.toHaveProperty('previous_response_id')
    expect(scene.gate.requests().at(-1)).toMatchObject({ dropped: ['previous_response_id'] })
  })

  it('are refused before the stream begins, once', async () => {
    const before = scene.model.posts.length
    const { error, endings } = await scene.watched(() =>
      openai.responses.create({ model: name, input: injection, stream: true }),
    )
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ code: 'prompt_blocked' })
    expect(String(error)).toContain(blocked)
    expect(endings).toEqual(['prompt_blocked'])
    expect(scene.model.posts.length).toBe(before)
  })

  it('are refused where an instruction hides in what a tool said', async () => {
    const call = { type: 'function_call' as const, call_id: 'call_1', name: 'get_weather', arguments: '{}' }
    const said = { type: 'function_call_output' as const, call_id: 'call_1', output: injection }
    const { error, endings } = await scene.watched(() =>
      openai.responses.create({ model: name, input: [{ role: 'user', content: question }, call, said] }),
    )
    expect(error).toBeInstanceOf(BadRequestError)
    expect(endings).toEqual(['prompt_blocked'])
  })

  it('of a model that is not there are a 404', async () => {
    const { error, endings } = await scene.watched(() => openai.responses.create({ ...ask, model: 'other' }))
    expect(error).toBeInstanceOf(NotFoundError)
    expect(endings).toEqual(['model_not_allowed'])
  })

  it('say that they failed when the model dies in mid-stream', async () => {
    const { result, endings } = await scene.playing(['death-v1-responses'], () =>
      scene.watched(async () => eventsOf(await openai.responses.create({ ...ask, stream: true }))),
    )
    expect(result?.[0]?.type).toBe('response.created')
    expect(result?.at(-1)).toMatchObject({
      type: 'response.failed',
      sequence_number: (result?.length ?? 0) - 1,
      response: { status: 'failed', error: { code: 'server_error', message: failed } },
    })
    expect(endings).toEqual(['upstream_failed'])
  })
})
