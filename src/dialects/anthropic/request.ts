/**
 * Requests of Anthropic's Messages API (`POST /v1/messages`), as both model servers read them: Ollama v0.33
 * (`anthropic/anthropic.go`) and LocalAI v4.9. Neither has `count_tokens`, so the gateway answers it with an estimate.
 *
 * Special cases: `max_tokens` is required. `thread` refers to a conversation that Anthropic's servers store, so it is
 * refused in the way that makes the SDK send the whole conversation. Tools that would run on the server are dropped (web
 * search) or refused. Servers put text blocks together with nothing between them.
 */
import { isObject } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Channel } from '../../core/text.ts'
import { bodyReader } from '../common/body-reader.ts'
import { capCount } from '../common/caps.ts'
import { hostedTool, typeOf } from '../common/hosted-tools.ts'
import { base64Image, mediaUrl } from '../common/media.ts'
import { flatName, removeForbiddenTools } from '../common/offered-tools.ts'
import {
  concatenated,
  flag,
  ignored,
  integer,
  invalid,
  json,
  list,
  matching,
  messageShape,
  modelName,
  name,
  object,
  oneOrMany,
  real,
  type Shape,
  stops,
  text,
  textPart,
  variants,
  word,
} from '../common/shape.ts'
import { markBlocks } from '../common/spotlight.ts'
import { noteToolName, toolCall, toolDeclaration, toolResult } from '../common/tool-shape.ts'
import { type Dialect, namesOf, type Outgoing, type PrepareOptions, type Prompt } from '../dialect.ts'
import { anthropicError } from './error.ts'
import { AnthropicResponseReader } from './response.ts'

const mediaType = matching(/^image\/[a-z0-9.+-]{1,32}$/, 'the type of an image')

const image = object(
  {
    type: word,
    source: variants('type', {
      base64: object({ type: word, media_type: mediaType, data: base64Image }, ['data']),
      url: object({ type: word, url: mediaUrl }, ['url']),
    }),
  },
  ['source'],
)

const stringOrBlocks = (channel: Channel, blocks: Shape) =>
  oneOrMany(text(channel), concatenated(list(blocks)))

const called = toolCall(
  object({ type: word, id: name, name, input: json('assistant') }, ['id', 'name']),
  'id',
)
const others: Shape = (_value, at) =>
  invalid(`\`${at}\` must be plain text. The model servers support no other type.`)
const plainDocument = object(
  {
    type: word,
    source: variants('type', {
      text: object(
        { type: word, media_type: matching(/^text\/plain$/, 'text/plain'), data: text('document') },
        ['data'],
      ),
      base64: others,
      url: others,
      content: others,
      file: others,
    }),
  },
  ['source'],
)
/** No server here knows documents: one of plain text becomes a text block, any other is refused. */
const document: Shape = (value, at, notes) => {
  const { source } = plainDocument(value, at, notes)
  const block = { type: 'text', text: (isObject(source) && source.data) || '' }
  notes.documents.push(block)
  return block
}

function message(channel: Channel): Shape {
  const blocks = variants('type', {
    text: textPart(channel),
    image,
    thinking: object({ type: word, thinking: text('assistant'), signature: name }),
    tool_use: called,
    tool_result: toolResult(
      object(
        {
          type: word,
          tool_use_id: name,
          content: stringOrBlocks('tool', variants('type', { text: textPart('tool'), image })),
          is_error: flag,
        },
        ['tool_use_id'],
      ),
      'tool_use_id',
    ),
    document,
    server_tool_use: called,
    web_search_tool_result: object({ type: word, tool_use_id: name, content: json('tool') }, ['tool_use_id']),
    // Encrypted by Anthropic: neither the servers here nor a guard can read it.
    redacted_thinking: ignored,
  })
  return messageShape(
    channel,
    object({ role: word, content: stringOrBlocks(channel, blocks) }, ['role', 'content']),
  )
}

const anyMessage = variants('role', {
  user: message('user'),
  assistant: message('assistant'),
  system: message('system'),
})

const customTool = toolDeclaration(
  object({ type: word, name, description: text('definition'), input_schema: json('definition') }, ['name']),
)
/** Types of tools that the client runs, under names that Anthropic's models know. */
const callersTool = /^(?:custom|(?:bash|text_editor|computer|memory)_\d{8})$/
/** Ollama reads the web search tool and recognises it by its type. */
const otherTool = hostedTool({
  webSearch: /^web_(?:search|fetch)_\d{8}$/,
  passes: object({ type: word, name, max_uses: integer(1) }),
})
/** A tool of the client; one that Anthropic's servers would run is dropped or refused. */
const tool: Shape = (value, at, notes) => {
  const type = typeOf(value)
  if (type !== undefined && !callersTool.test(type)) return otherTool(value, at, notes)
  return noteToolName(customTool(value, at, notes), notes)
}

/** On this error @anthropic-ai/sdk 1.12 sends the full history by itself (recorded). */
const thread: Shape = (value, at, notes) => {
  if (isObject(value) && value.type === 'create') return ignored(value, at, notes)
  throw new Refusal('invalid_request', {
    say: '`thread` is not supported here. Send the whole conversation instead.',
    details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
  })
}

const fields = {
  model: modelName,
  messages: list(anyMessage),
  system: stringOrBlocks('system', variants('type', { text: textPart('system') })),
  max_tokens: integer(1),
  stream: flag,
  temperature: real,
  top_p: real,
  top_k: integer(0, 1_048_576),
  stop_sequences: stops,
  tools: list(tool),
  tool_choice: object({ type: word, name }, ['type']),
  thinking: object({ type: word, budget_tokens: integer(0) }, ['type']),
  output_config: object({ effort: word }),
  thread,
}
const request = object(fields, ['model', 'max_tokens', 'messages'])
const countRequest = object(fields, ['model', 'messages'])

// The body was built for this request alone, so it is completed in place.
function prepare(prompt: Prompt, orders: PrepareOptions): Outgoing {
  const { body } = prompt
  const dropped = [...prompt.dropped]
  const clamped: string[] = []
  const outputTokens = capCount(
    body,
    'max_tokens',
    orders.outputTokens,
    clamped,
    orders.modelDefaults.numPredict,
  )
  removeForbiddenTools(body, orders.mayCall, dropped, flatName, flatName)
  const marked = markBlocks(body, prompt, orders.spotlighting)
  body.model = orders.model
  const reader = new AnthropicResponseReader(namesOf(prompt, orders), prompt.stream)
  return { body, outputTokens, clamped, dropped, leftOut: prompt.leftOut ?? [], marked, reader }
}

const post = { kind: 'exchange', method: 'POST', group: 'chat', prepare } as const

/** May stand anywhere in a stream (platform.claude.com/docs/en/build-with-claude/streaming, "Ping events"). */
const ping = 'event: ping\ndata: {"type":"ping"}\n\n'

/** Anthropic's Messages API. */
export const anthropic: Dialect = {
  name: 'anthropic',
  prefix: '/v1/messages',
  idHeader: 'request-id',
  keepAlive: ping,
  errorBody: anthropicError,
  endpoints: [
    { ...post, path: '/v1/messages', cost: 'request', read: bodyReader(request) },
    { ...post, path: '/messages', serverPath: '/v1/messages', cost: 'request', read: bodyReader(request) },
    {
      ...post,
      path: '/v1/messages/count_tokens',
      cost: 'probe',
      read: bodyReader(countRequest),
      answer: (inputTokens) => ({ input_tokens: inputTokens }),
    },
  ],
}
