/**
 * Model servers that say what they are told, in every dialect, streamed and whole, in the pieces they are given; and what
 * a client hears of it. What is said: a text, a thought, a tool call, and the text of a second choice where there is one.
 */
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import type { Exchange, ResponseReader } from '../../src/dialects/dialect.ts'
import { dialects } from '../../src/dialects/dialects.ts'

export interface Said {
  readonly content: string
  readonly thinking: string
  /** JSON. */
  readonly args: string
  readonly second: string
}

/** Cuts a text into the pieces in which it is streamed. */
export type Cut = (text: string) => readonly string[]

export interface Speaker {
  readonly name: string
  readonly path: string
  readonly stream: boolean
  readonly contentType: string
  readonly channels: readonly (keyof Said)[]
  /** What the client asks. */
  readonly body: JsonObject
  /** The answer, as the server sends it. */
  speak(said: Said, cut: Cut): string
  /** What a client makes of an answer. */
  hear(text: string): Said
}

const silent: Said = { content: '', thinking: '', args: '', second: '' }
const messages = [{ role: 'user', content: 'hi' }]
const sse = 'text/event-stream'
const ndjson = 'application/x-ndjson'
const json = 'application/json'
const lines = (text: string) => text.split('\n').filter(Boolean)
const parse = (text: string) => JSON.parse(text) as JsonValue
/** What stands at a place, if anything does. */
const dig = (value: JsonValue | undefined, ...keys: readonly (string | number)[]): JsonValue | undefined =>
  keys.reduce<JsonValue | undefined>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as JsonObject)[key] : undefined),
    value,
  )
const words = (value: JsonValue | undefined, ...keys: readonly (string | number)[]): string => {
  const found = dig(value, ...keys)
  return typeof found === 'string' ? found : ''
}
const list = (value: JsonValue | undefined, ...keys: readonly (string | number)[]): readonly JsonValue[] => {
  const found = dig(value, ...keys)
  return Array.isArray(found) ? found : []
}
const dataOf = (text: string) =>
  lines(text)
    .filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]')
    .map((line) => parse(line.slice('data: '.length)))
const event = (value: JsonObject) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`
const data = (value: JsonObject) => `data: ${JSON.stringify(value)}\n\n`

/** Adds up what objects say. */
function gather(parts: readonly Partial<Said>[]): Said {
  const heard: Record<keyof Said, string> = { ...silent }
  for (const part of parts)
    for (const key of Object.keys(heard) as (keyof Said)[]) heard[key] += part[key] ?? ''
  return heard
}

const model = 'm'
const call = (args: JsonValue) => ({ function: { name: 'send', arguments: args } })

const ollamaChat: Pick<Speaker, 'path' | 'channels'> = {
  path: '/api/chat',
  channels: ['content', 'thinking', 'args'],
}
const hearChat = (line: JsonValue) => ({
  content: words(line, 'message', 'content'),
  thinking: words(line, 'message', 'thinking'),
  args: list(line, 'message', 'tool_calls')
    .map((each) => JSON.stringify(dig(each, 'function', 'arguments')))
    .join(''),
})
const chatChannels: readonly (keyof Said)[] = ['content', 'thinking', 'args', 'second']
const hearChoice = (choice: JsonValue): Partial<Said> => {
  const said = dig(choice, 'delta') ?? dig(choice, 'message')
  if (dig(choice, 'index') === 1) return { second: words(said, 'content') }
  const args = list(said, 'tool_calls')
    .map((each) => words(each, 'function', 'arguments'))
    .join('')
  return { content: words(said, 'content') + words(choice, 'text'), thinking: words(said, 'reasoning'), args }
}
const openaiChunk = (choice: JsonObject) =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model,
    choices: [{ index: 0, finish_reason: null, ...choice }],
  })

export const speakers: readonly Speaker[] = [
  {
    ...ollamaChat,
    name: 'ollama chat, streamed',
    stream: true,
    contentType: ndjson,
    body: { model, messages },
    speak({ content, thinking, args }, cut) {
      const line = (message: JsonObject, more: JsonObject = { done: false }) =>
        `${JSON.stringify({ model, created_at: 't', message: { role: 'assistant', content: '', ...message }, ...more })}\n`
      return [
        ...cut(thinking).map((piece) => line({ thinking: piece })),
        ...cut(content).map((piece) => line({ content: piece })),
        ...(args === '' ? [] : [line({ tool_calls: [call(JSON.parse(args))] })]),
        line({}, { done: true, done_reason: 'stop', eval_count: 1 }),
      ].join('')
    },
    hear: (text) => gather(lines(text).map((line) => hearChat(parse(line)))),
  },
  {
    ...ollamaChat,
    name: 'ollama chat, whole',
    stream: false,
    contentType: json,
    body: { model, messages, stream: false },
    speak: ({ content, thinking, args }) =>
      JSON.stringify({
        model,
        message: {
          role: 'assistant',
          content,
          thinking,
          ...(args === '' ? {} : { tool_calls: [call(JSON.parse(args))] }),
        },
        done: true,
      }),
    hear: (text) => gather([hearChat(parse(text))]),
  },
  {
    name: 'ollama generate, streamed',
    path: '/api/generate',
    channels: ['content', 'thinking'],
    stream: true,
    contentType: ndjson,
    body: { model, prompt: 'hi' },
    speak: ({ content, thinking }, cut) =>
      [
        ...cut(thinking).map((piece) => ({ model, thinking: piece, response: '', done: false })),
        ...cut(content).map((piece) => ({ model, response: piece, done: false })),
        { model, response: '', done: true, context: [1, 2] },
      ]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    hear: (text) =>
      gather(
        lines(text)
          .map(parse)
          .map((line) => ({ content: words(line, 'response'), thinking: words(line, 'thinking') })),
      ),
  },
  {
    name: 'openai chat, streamed',
    path: '/v1/chat/completions',
    channels: chatChannels,
    stream: true,
    contentType: sse,
    body: { model, messages, stream: true },
    speak: ({ content, thinking, args, second }, cut) =>
      [
        ...cut(thinking).map((piece) => openaiChunk({ delta: { role: 'assistant', reasoning: piece } })),
        ...cut(content).map((piece) => openaiChunk({ delta: { role: 'assistant', content: piece } })),
        ...cut(second).map((piece) =>
          openaiChunk({ index: 1, delta: { role: 'assistant', content: piece } }),
        ),
        ...(args === ''
          ? []
          : [
              openaiChunk({
                delta: {
                  tool_calls: [
                    { index: 0, id: 'a', type: 'function', function: { name: 'send', arguments: '' } },
                  ],
                },
              }),
              ...cut(args).map((piece) =>
                openaiChunk({ delta: { tool_calls: [{ index: 0, function: { arguments: piece } }] } }),
              ),
            ]),
        openaiChunk({ delta: {}, finish_reason: args === '' ? 'stop' : 'tool_calls' }),
        openaiChunk({ index: 1, delta: {}, finish_reason: 'stop' }),
        'data: [DONE]\n\n',
      ].join(''),
    hear: (text) => gather(dataOf(text).flatMap((chunk) => list(chunk, 'choices').map(hearChoice))),
  },
  {
    name: 'openai chat, whole',
    path: '/v1/chat/completions',
    channels: chatChannels,
    stream: false,
    contentType: json,
    body: { model, messages },
    speak: ({ content, thinking, args, second }) =>
      JSON.stringify({
        id: 'c',
        object: 'chat.completion',
        created: 1,
        model,
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content,
              reasoning: thinking,
              ...(args === '' ? {} : { tool_calls: [{ id: 'a', type: 'function', ...call(args) }] }),
            },
            finish_reason: args === '' ? 'stop' : 'tool_calls',
          },
          { index: 1, message: { role: 'assistant', content: second }, finish_reason: 'stop' },
        ],
      }),
    hear: (text) => gather(list(parse(text), 'choices').map(hearChoice)),
  },
  {
    name: 'openai completions, streamed',
    path: '/v1/completions',
    channels: ['content'],
    stream: true,
    contentType: sse,
    body: { model, prompt: 'hi', stream: true },
    speak: ({ content }, cut) =>
      [
        ...cut(content).map((text) =>
          data({
            id: 'c',
            object: 'text_completion',
            model,
            choices: [{ index: 0, text, finish_reason: null }],
          }),
        ),
        data({
          id: 'c',
          object: 'text_completion',
          model,
          choices: [{ index: 0, text: '', finish_reason: 'stop' }],
        }),
        'data: [DONE]\n\n',
      ].join(''),
    hear: (text) => gather(dataOf(text).flatMap((chunk) => list(chunk, 'choices').map(hearChoice))),
  },
  {
    name: 'messages, streamed',
    path: '/v1/messages',
    channels: ['content', 'thinking', 'args'],
    stream: true,
    contentType: sse,
    body: { model, messages, max_tokens: 9, stream: true },
    speak({ content, thinking, args }, cut) {
      const block = (index: number, start: JsonObject, deltas: readonly JsonObject[]) => [
        event({ type: 'content_block_start', index, content_block: start }),
        ...deltas.map((delta) => event({ type: 'content_block_delta', index, delta })),
        event({ type: 'content_block_stop', index }),
      ]
      const message = {
        id: 'm',
        type: 'message',
        role: 'assistant',
        model,
        content: [],
        usage: { input_tokens: 1, output_tokens: 0 },
      }
      return [
        event({ type: 'message_start', message }),
        ...block(
          0,
          { type: 'thinking', thinking: '' },
          cut(thinking).map((piece) => ({ type: 'thinking_delta', thinking: piece })),
        ),
        ...block(
          1,
          { type: 'text', text: '' },
          cut(content).map((piece) => ({ type: 'text_delta', text: piece })),
        ),
        ...(args === ''
          ? []
          : block(
              2,
              { type: 'tool_use', id: 'a', name: 'send', input: {} },
              cut(args).map((piece) => ({ type: 'input_json_delta', partial_json: piece })),
            )),
        event({
          type: 'message_delta',
          delta: { stop_reason: args === '' ? 'end_turn' : 'tool_use' },
          usage: { input_tokens: 1, output_tokens: 1 },
        }),
        event({ type: 'message_stop' }),
      ].join('')
    },
    hear: (text) =>
      gather(
        dataOf(text).map((each) => ({
          content: words(each, 'delta', 'text'),
          thinking: words(each, 'delta', 'thinking'),
          args: words(each, 'delta', 'partial_json'),
        })),
      ),
  },
  {
    name: 'messages, whole',
    path: '/v1/messages',
    channels: ['content', 'thinking', 'args'],
    stream: false,
    contentType: json,
    body: { model, messages, max_tokens: 9 },
    speak: ({ content, thinking, args }) =>
      JSON.stringify({
        id: 'm',
        type: 'message',
        role: 'assistant',
        model,
        content: [
          { type: 'thinking', thinking },
          { type: 'text', text: content },
          ...(args === '' ? [] : [{ type: 'tool_use', id: 'a', name: 'send', input: JSON.parse(args) }]),
        ],
        stop_reason: args === '' ? 'end_turn' : 'tool_use',
        usage: { input_tokens: 1, output_tokens: 1 },
      }),
    hear: (text) =>
      gather(
        list(parse(text), 'content').map((block) => ({
          content: words(block, 'text'),
          thinking: words(block, 'thinking'),
          args: JSON.stringify(dig(block, 'input')) ?? '',
        })),
      ),
  },
  {
    name: 'responses, streamed',
    path: '/v1/responses',
    channels: ['content', 'thinking', 'args'],
    stream: true,
    contentType: sse,
    body: { model, input: 'hi', stream: true },
    speak({ content, thinking, args }, cut) {
      const events: JsonObject[] = []
      const put = (type: string, more: JsonObject) =>
        events.push({ type: `response.${type}`, sequence_number: events.length, ...more })
      const items = outputOf({ content, thinking, args })
      put('created', { response: { id: 'r', model, status: 'in_progress', output: [] } })
      for (const [output_index, item] of items.entries()) {
        const item_id = item.id ?? ''
        const at = { item_id, output_index }
        put('output_item.added', {
          output_index,
          item: {
            ...item,
            ...(item.type === 'function_call' ? { arguments: '' } : { content: [], summary: [] }),
          },
        })
        if (item.type === 'function_call') {
          for (const delta of cut(args)) put('function_call_arguments.delta', { ...at, delta })
          put('function_call_arguments.done', { ...at, arguments: args })
        } else {
          const said = item.type === 'message' ? content : thinking
          const name = item.type === 'message' ? 'output_text' : 'reasoning_summary_text'
          const part = item.type === 'message' ? { content_index: 0 } : { summary_index: 0 }
          const [parts, shape] =
            item.type === 'message'
              ? ['content_part', { type: 'output_text', annotations: [] }]
              : ['reasoning_summary_part', { type: 'summary_text' }]
          put(`${parts}.added`, { ...at, ...part, part: { ...shape, text: '' } })
          for (const delta of cut(said)) put(`${name}.delta`, { ...at, ...part, delta })
          put(`${name}.done`, { ...at, ...part, text: said })
          put(`${parts}.done`, { ...at, ...part, part: { ...shape, text: said } })
        }
        put('output_item.done', { output_index, item })
      }
      put('completed', {
        response: {
          id: 'r',
          model,
          status: 'completed',
          output: items,
          usage: { input_tokens: 1, output_tokens: 1 },
        },
      })
      return events.map(event).join('')
    },
    hear(text) {
      const events = dataOf(text)
      const deltas = (type: string) =>
        events
          .filter((each) => words(each, 'type') === `response.${type}.delta`)
          .map((each) => words(each, 'delta'))
          .join('')
      const heard = {
        ...silent,
        content: deltas('output_text'),
        thinking: deltas('reasoning_summary_text'),
        args: deltas('function_call_arguments'),
      }
      // It is all said again, and must be the same.
      const again = gather(list(events.at(-1), 'response', 'output').map(hearItem))
      return JSON.stringify(again) === JSON.stringify(heard)
        ? heard
        : { ...heard, second: JSON.stringify(again) }
    },
  },
  {
    name: 'responses, whole',
    path: '/v1/responses',
    channels: ['content', 'thinking', 'args'],
    stream: false,
    contentType: json,
    body: { model, input: 'hi' },
    speak: (said) =>
      JSON.stringify({
        id: 'r',
        model,
        status: 'completed',
        output: outputOf(said),
        usage: { input_tokens: 1, output_tokens: 1 },
      }),
    hear: (text) => gather(list(parse(text), 'output').map(hearItem)),
  },
]

function outputOf({ content, thinking, args }: Pick<Said, 'content' | 'thinking' | 'args'>): JsonObject[] {
  return [
    { id: 'rs', type: 'reasoning', summary: [{ type: 'summary_text', text: thinking }] },
    {
      id: 'msg',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: content, annotations: [] }],
    },
    ...(args === ''
      ? []
      : [
          {
            id: 'fc',
            type: 'function_call',
            call_id: 'a',
            name: 'send',
            arguments: args,
            status: 'completed',
          },
        ]),
  ]
}

function hearItem(item: JsonValue): Partial<Said> {
  const type = words(item, 'type')
  if (type === 'function_call') return { args: words(item, 'arguments') }
  const said = [...list(item, 'content'), ...list(item, 'summary')]
    .map((part) => words(part, 'text'))
    .join('')
  return type === 'reasoning' ? { thinking: said } : { content: said }
}

/** A reader for the answer to this speaker's request. */
export function readerFor({ path, body }: Speaker): ResponseReader {
  const endpoint = dialects
    .flatMap(({ endpoints }) => endpoints)
    .find((each): each is Exchange => each.kind === 'exchange' && each.path === path)
  if (!endpoint) throw new Error(`nobody declares ${path}`)
  const orders = {
    model,
    others: [],
    server: 'localai' as const,
    outputTokens: 99,
    contextTokens: 99,
    choices: 2,
    modelDefaults: {},
    keepAlive: { minSeconds: 30, maxSeconds: 3600 },
  }
  return endpoint.prepare(endpoint.read(structuredClone(body), new Set()), orders).reader
}
