/**
 * Ollama's native API (`/api/*`), as read in its source (v0.33, `server/routes.go`, `api/types.go`).
 *
 * Peculiar to it: it streams unless `stream` is false; `template`, `raw` and `context` would let a caller go
 * around the prompt format or hide text as token numbers, so they are refused with a value; options that
 * restart the model's runner for everybody (`num_gpu`, `num_batch`, `shift` …) are dropped.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Channel } from '../core/text.ts'
import { capCount, cappedKeepAlive, capSize, keepAliveSeconds } from './caps.ts'
import {
  type Dialect,
  type Exchange,
  type Listing,
  namesOf,
  type Orders,
  type Outgoing,
  type Prompt,
} from './dialect.ts'
import { base64Image } from './media.ts'
import { OllamaAnswer } from './ollama-answer.ts'
import {
  declaredFunction,
  flag,
  integer,
  invalid,
  json,
  list,
  modelName,
  Notes,
  name,
  never,
  object,
  oneOrMany,
  real,
  type Shape,
  text,
  variants,
  word,
} from './shape.ts'

const keepAlive: Shape = (value, at, notes) => {
  const asked = keepAliveSeconds(value)
  if (asked === undefined) return invalid(`\`${at}\` must be a duration.`)
  const capped = cappedKeepAlive(asked)
  if (capped === undefined || capped < asked || asked < 0) notes.clamped.push(at)
  return capped
}

const format: Shape = (value, at, notes) => {
  if (value === '') return undefined
  return isObject(value) ? json('definition')(value, at, notes) : word(value, at, notes)
}

const think: Shape = (value, at, notes) => (typeof value === 'boolean' ? value : word(value, at, notes))

/** More tokens than any context has: the server sets memory aside for some of these. */
const largest = 1_048_576

const options = object({
  num_keep: integer(-1, largest),
  seed: integer(),
  num_predict: integer(),
  top_k: integer(-1, largest),
  top_p: real,
  min_p: real,
  typical_p: real,
  repeat_last_n: integer(-1, largest),
  temperature: real,
  repeat_penalty: real,
  presence_penalty: real,
  frequency_penalty: real,
  stop: list(text('definition')),
  num_ctx: integer(1),
})

// Templates print the type as it is.
const tool = object({ type: name, items: json('definition'), function: declaredFunction }, ['function'])
const tools = list((value, at, notes) => {
  const read = tool(value, at, notes)
  if (isObject(read) && isObject(read.function)) notes.tools.push(String(read.function.name))
  return read
})

function message(channel: Channel): Shape {
  return object({
    role: word,
    content: text(channel),
    thinking: text(channel),
    images: list(base64Image),
    tool_calls: list(
      object({
        id: name,
        function: object({ index: integer(0), name, arguments: json('assistant') }, ['name']),
      }),
    ),
    tool_name: name,
    tool_call_id: name,
  })
}

const anyMessage = variants('role', {
  system: message('system'),
  user: message('user'),
  assistant: message('assistant'),
  tool: message('tool'),
})

const sampling = { options, keep_alive: keepAlive, truncate: flag }
const generation = { ...sampling, stream: flag, format, think, logprobs: flag, top_logprobs: integer(0, 20) }

const chat = object({ model: modelName, messages: list(anyMessage), tools, ...generation }, ['model'])
const generate = object(
  {
    model: modelName,
    prompt: text('user'),
    suffix: text('user'),
    system: text('system'),
    template: never('`template` is not allowed: the prompt format belongs to the model.'),
    context: never('`context` is not allowed: tokens cannot be inspected. Send the text instead.'),
    raw: never('`raw` is not allowed: the prompt format belongs to the model.'),
    images: list(base64Image),
    ...generation,
  },
  ['model'],
)
const embed = object(
  { model: modelName, input: oneOrMany(text('document')), dimensions: integer(1), ...sampling },
  ['model'],
)
const embeddings = object({ model: modelName, prompt: text('document'), ...sampling }, ['model'])
// Ollama's own command sends both names, one of them empty; `model` goes first.
const show = object({ model: modelName, name: modelName, verbose: flag })

function reader(shape: Shape, streams: boolean): Exchange['read'] {
  return (body) => {
    const notes = new Notes()
    const fresh = shape(body, '', notes) as JsonObject
    return notes.toPrompt(String(fresh.model || fresh.name || ''), streams && fresh.stream !== false, fresh)
  }
}

// The body is fresh and nobody else's, so it is completed in place.

function prepareGeneration(prompt: Prompt, orders: Orders): Outgoing {
  const clamped = [...prompt.clamped]
  const settings = isObject(prompt.body.options) ? prompt.body.options : {}
  const outputTokens = capCount(settings, 'num_predict', orders.outputTokens, clamped)
  capSize(settings, 'num_ctx', orders.contextTokens, clamped)
  const { body } = prompt
  body.model = orders.model
  body.options = settings
  return { body, outputTokens, clamped, reader: new OllamaAnswer(namesOf(prompt, orders)) }
}

function prepareEmbedding(prompt: Prompt, orders: Orders): Outgoing {
  const clamped = [...prompt.clamped]
  if (isObject(prompt.body.options)) capSize(prompt.body.options, 'num_ctx', orders.contextTokens, clamped)
  const { body } = prompt
  body.model = orders.model
  return { body, outputTokens: 0, clamped, reader: new OllamaAnswer(namesOf(prompt, orders)) }
}

/** `/api/show` without what is no caller's business: system prompt, template, paths, example messages. */
const shown = [
  'license',
  'parameters',
  'details',
  'model_info',
  'projector_info',
  'capabilities',
  'modified_at',
]

function prepareShow(prompt: Prompt, orders: Orders): Outgoing {
  const body = { model: orders.model, verbose: prompt.body.verbose === true }
  return { body, outputTokens: 0, clamped: [], reader: new OllamaAnswer(namesOf(prompt, orders), shown) }
}

const post = { kind: 'exchange', method: 'POST' } as const
const generations = { ...post, cost: 'request', prepare: prepareGeneration } as const
const embedders = { ...post, cost: 'request', group: 'embeddings', prepare: prepareEmbedding } as const

/** The lists of `/api/tags` and `/api/ps`: models of other hosts are never shown, whoever may use them. */
const models: Listing['filter'] = (body, view) => {
  if (!isObject(body) || !Array.isArray(body.models)) throw new TypeError('a list of models was expected')
  const shown = (entry: JsonValue) =>
    isObject(entry) && typeof entry.name === 'string' && !entry.remote_host && view.mayUse(entry.name)
  return { models: body.models.filter(shown) }
}

const version: Listing['filter'] = (body) => {
  if (!isObject(body) || typeof body.version !== 'string') throw new TypeError('a version was expected')
  return { version: body.version }
}

const listing = { kind: 'listing', group: 'models', cost: 'probe' } as const
const greeting = {
  kind: 'greeting',
  path: '/',
  group: 'models',
  cost: 'probe',
  text: 'Ollama is running',
} as const

export const ollama: Dialect = {
  name: 'ollama',
  prefix: '/api/',
  errorBody: (error) => ({ error: error.message }),
  endpoints: [
    { ...generations, path: '/api/chat', group: 'chat', read: reader(chat, true) },
    { ...generations, path: '/api/generate', group: 'completions', read: reader(generate, true) },
    { ...embedders, path: '/api/embed', read: reader(embed, false) },
    { ...embedders, path: '/api/embeddings', read: reader(embeddings, false) },
    {
      ...post,
      path: '/api/show',
      group: 'models',
      cost: 'probe',
      read: reader(show, false),
      prepare: prepareShow,
    },
    { ...listing, method: 'GET', path: '/api/tags', source: '/api/tags', filter: models },
    { ...listing, method: 'HEAD', path: '/api/tags', source: '/api/tags', filter: models },
    { ...listing, method: 'GET', path: '/api/ps', source: '/api/ps', filter: models },
    { ...listing, method: 'GET', path: '/api/version', source: '/api/version', filter: version },
    { ...listing, method: 'HEAD', path: '/api/version', source: '/api/version', filter: version },
    { ...greeting, method: 'GET' },
    { ...greeting, method: 'HEAD' },
  ],
}
