/**
 * Requests of the OpenAI routes that both model servers have: chat completions, completions, embeddings, models. The
 * fields are those that Ollama reads (v0.33, `openai/openai.go`); the rest of OpenAI's API is dropped.
 *
 * Special cases: it streams only when asked to. The servers do not read `max_completion_tokens`, so it becomes
 * `max_tokens`. Streams have token counts only with `stream_options.include_usage`, so the gateway always asks for them,
 * and removes them again if the client did not.
 */
import { isObject, type JsonObject } from '../../core/json.ts'
import type { Channel } from '../../core/text.ts'
import { bodyReader } from '../common/body-reader.ts'
import { capCount, capSize, leaveOut } from '../common/caps.ts'
import { EmbeddingResponseReader } from '../common/embedding-response.ts'
import { hostedTool, typeOf } from '../common/hosted-tools.ts'
import { embeddingInput, textsNotTokens } from '../common/inputs.ts'
import { imageUrl } from '../common/media.ts'
import type { Notes } from '../common/notes.ts'
import { functionName, functionOrFlatName, removeForbiddenTools } from '../common/offered-tools.ts'
import {
  answerSchema,
  concatenated,
  flag,
  integer,
  invalid,
  list,
  messageShape,
  modelName,
  name,
  nullable,
  type ObjectShape,
  object,
  oneOrMany,
  real,
  refusalPart,
  type Shape,
  stops,
  text,
  textPart,
  variants,
  withRouteHint,
  word,
  wordOrObject,
} from '../common/shape.ts'
import { markMessages } from '../common/spotlight.ts'
import {
  calledFunctionName,
  functionDeclaration,
  noteToolName,
  toolCall,
  toolResult,
} from '../common/tool-shape.ts'
import {
  type Dialect,
  type Listing,
  mergeEntries,
  namesOf,
  type Outgoing,
  type PrepareOptions,
  type Prompt,
  type PublicError,
  type ServerList,
} from '../dialect.ts'
import { sseComment } from '../framing/sse.ts'
import { otherChat, otherGeneration, refusedFields } from './other-servers.ts'
import { OpenaiResponseReader } from './response.ts'

function content(channel: Channel): Shape {
  const parts = concatenated(
    list(
      variants('type', {
        text: textPart(channel),
        refusal: refusalPart(channel, 'text'),
        image_url: object({ type: word, image_url: object({ url: imageUrl }, ['url']) }, ['image_url']),
      }),
    ),
  )
  return nullable(oneOrMany(text(channel), parts))
}

function message(channel: Channel): ObjectShape {
  return messageShape(
    channel,
    object(
      {
        role: word,
        content: content(channel),
        reasoning: text(channel),
        // SGLang's and llama.cpp's name for it; the others ignore it.
        reasoning_content: text(channel),
        name,
        tool_calls: list(
          toolCall(
            object(
              {
                id: name,
                type: word,
                index: integer(0),
                function: object({ name, arguments: text('assistant') }, ['name']),
              },
              ['function'],
            ),
            'id',
            calledFunctionName,
          ),
        ),
        tool_call_id: name,
      },
      ['role'],
    ),
  )
}

const anyMessage = variants('role', {
  system: message('system'),
  developer: message('system'),
  user: message('user'),
  assistant: message('assistant'),
  tool: toolResult(message('tool'), 'tool_call_id'),
  function: message('tool'),
})

const functionTool = object(
  {
    type: word,
    function: functionDeclaration,
  },
  ['function'],
)
/** This API requests web search by a field, and no server here reads it as a tool. */
const noFunction = hostedTool({ webSearch: /^web_search(?:_preview)?$/, passes: undefined })
/** Functions only: no model server here reads tools of other kinds. */
const tools = list((value, at, notes) => {
  const type = typeOf(value)
  if (type !== undefined && type !== 'function') return noFunction(value, at, notes)
  const read = functionTool(value, at, notes)
  if (isObject(read)) noteToolName(read.function, notes)
  return read
})
/** Which tool the model must call: a word, or a function by name. */
const toolChoice = wordOrObject(object({ type: word, function: object({ name }, ['name']) }, ['function']))

const sampling = {
  temperature: real,
  top_p: real,
  seed: integer(),
  stop: stops,
  presence_penalty: real,
  frequency_penalty: real,
  max_tokens: integer(),
  stream: flag,
  stream_options: object({ include_usage: flag }),
}
/** Read by every other server, and not by Ollama. */
const notOllama = { n: integer(1, 128), tool_choice: toolChoice, parallel_tool_calls: flag }
const nonEmpty =
  (items: Shape): Shape =>
  (value, at, notes) =>
    Array.isArray(value) && value.length === 0
      ? invalid(`\`${at}\` must not be empty.`)
      : items(value, at, notes)

const chat = withRouteHint(
  'messages',
  { input: '/v1/responses', prompt: '/v1/completions' },
  object(
    {
      model: modelName,
      messages: nonEmpty(list(anyMessage)),
      tools,
      ...sampling,
      ...notOllama,
      max_completion_tokens: integer(),
      response_format: object({ type: word, json_schema: object({ schema: answerSchema }) }, ['type']),
      reasoning_effort: word,
      reasoning: object({ effort: word }),
      logprobs: flag,
      top_logprobs: integer(0, 20),
      ...otherChat,
      ...refusedFields,
    },
    ['model', 'messages'],
  ),
)
/** Servers take what is no schema for any object. */
const noteAnswerSchema = (notes: Notes, { response_format: asked }: JsonObject) => {
  if (!isObject(asked)) return
  const { type, json_schema: named } = asked
  if (type === 'json_object') notes.answerSchema = { type: 'object' }
  if (type === 'json_schema')
    notes.answerSchema = isObject(named) && isObject(named.schema) ? named.schema : true
}
const completions = withRouteHint(
  'prompt',
  { messages: '/v1/chat/completions', input: '/v1/responses' },
  object(
    {
      model: modelName,
      prompt: textsNotTokens('user'),
      suffix: text('user'),
      logprobs: integer(0, 20),
      ...sampling,
      ...otherGeneration,
      ...refusedFields,
    },
    ['model', 'prompt'],
  ),
)
const embeddings = withRouteHint(
  'input',
  { messages: '/v1/chat/completions', prompt: '/v1/completions' },
  object({ model: modelName, input: embeddingInput, encoding_format: word, dimensions: integer(1) }, [
    'model',
    'input',
  ]),
)

// The body was built for this request alone, so it is completed in place.

function prepareGeneration(prompt: Prompt, orders: PrepareOptions): Outgoing {
  const { body } = prompt
  const asked = body.stream_options
  const clamped: string[] = []
  const dropped = [...prompt.dropped]
  if (typeof body.max_completion_tokens === 'number') body.max_tokens = body.max_completion_tokens
  delete body.max_completion_tokens
  const outputTokens = capCount(
    body,
    'max_tokens',
    orders.outputTokens,
    clamped,
    orders.modelDefaults.numPredict,
  )
  if (orders.server === 'ollama') leaveOut(body, Object.keys(notOllama), dropped)
  if (orders.server !== 'openai') leaveOut(body, Object.keys(otherChat), dropped)
  capSize(body, 'n', orders.choices, clamped)
  removeForbiddenTools(body, orders.mayCall, dropped, functionName, functionOrFlatName)
  const marked = markMessages(body, prompt, orders.spotlighting)
  body.model = orders.model
  if (prompt.stream) body.stream_options = { include_usage: true }
  const hideUsage = !(isObject(asked) && asked.include_usage === true)
  return {
    body,
    outputTokens: outputTokens * answersTo(body),
    clamped,
    dropped,
    leftOut: prompt.leftOut ?? [],
    marked,
    reader: new OpenaiResponseReader(namesOf(prompt, orders), prompt.stream, hideUsage),
  }
}

/** Returns the number of choices: `n`, or one, for each prompt (LocalAI accepts a list). */
function answersTo({ n, prompt }: JsonObject): number {
  return (typeof n === 'number' ? n : 1) * (Array.isArray(prompt) ? prompt.length : 1)
}

function prepareEmbedding(prompt: Prompt, orders: PrepareOptions): Outgoing {
  const { body } = prompt
  const names = namesOf(prompt, orders)
  body.model = orders.model
  return {
    body,
    outputTokens: 0,
    clamped: [],
    dropped: prompt.dropped,
    reader: new EmbeddingResponseReader(new OpenaiResponseReader(names, false, false), names),
  }
}

/** Returns OpenAI's `type` of an error (platform.openai.com/docs/guides/error-codes); SDKs go by the status. */
function errorType(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'api_error'
}

/** Builds the body of an error, also for OpenAI's other APIs. */
export function openaiError({ code, status, message }: PublicError): JsonObject {
  return { error: { message, type: errorType(status), param: null, code } }
}

function entriesOf({ body, mayUse }: ServerList): JsonObject[] {
  if (!isObject(body) || !Array.isArray(body.data)) throw new TypeError('a list of models was expected')
  return body.data.filter(isObject).filter(({ id }) => typeof id === 'string' && mayUse(id))
}

const models: Listing['show'] = (answers) => ({
  object: 'list',
  data: mergeEntries(answers, entriesOf, 'id'),
})

/** Finds one model in the list: LocalAI has no such route, and at Ollama the caller's words would become a path. */
const oneModel: Listing['show'] = (answers, asked) => {
  for (const answer of answers) {
    const found = entriesOf(answer).find(({ id }) => answer.isAsked(String(id)))
    if (found) return { ...found, id: asked }
  }
  return undefined
}

const post = { kind: 'exchange', method: 'POST', cost: 'request' } as const
const generation = { ...post, prepare: prepareGeneration } as const
const chatRoute = {
  ...generation,
  serverPath: '/v1/chat/completions',
  group: 'chat',
  read: bodyReader(chat, 'if asked', noteAnswerSchema),
} as const
const completionsRoute = {
  ...generation,
  serverPath: '/v1/completions',
  group: 'completions',
  read: bodyReader(completions),
} as const
const embeddingsRoute = {
  ...post,
  serverPath: '/v1/embeddings',
  group: 'embeddings',
  read: bodyReader(embeddings),
  prepare: prepareEmbedding,
} as const
const listing = {
  kind: 'listing',
  method: 'GET',
  group: 'models',
  cost: 'probe',
  serverPath: '/v1/models',
  hostless: true,
} as const

/** OpenAI's chat completions, completions, embeddings and models. */
export const openai: Dialect = {
  name: 'openai',
  prefix: '/',
  keepAlive: sseComment,
  errorBody: openaiError,
  endpoints: [
    // LocalAI has these without `/v1` too, and some clients leave it out.
    { ...chatRoute, path: '/v1/chat/completions' },
    { ...chatRoute, path: '/chat/completions' },
    { ...completionsRoute, path: '/v1/completions' },
    { ...completionsRoute, path: '/completions' },
    { ...embeddingsRoute, path: '/v1/embeddings' },
    { ...embeddingsRoute, path: '/embeddings' },
    { ...listing, path: '/models', show: models },
    { ...listing, path: '/v1/models', show: models },
    { ...listing, path: '/v1/models/:model', show: oneModel },
  ],
}
