/**
 * Requests of Ollama's native API (`/api/*`), as its source reads them (v0.33, `server/routes.go`, `api/types.go`).
 *
 * Special cases: it streams unless `stream` is false. `template`, `raw` and `context` would bypass the prompt format or
 * hide text as token numbers, so they are refused unless the role allows them. Options that restart the model's runner for
 * all clients (`num_gpu`, `num_batch`, `shift` …) are dropped.
 */
import { isObject, type JsonObject } from '../../core/json.ts'
import { bodyReader } from '../common/body-reader.ts'
import { capCount, capKeepAlive, capSize, keepAliveSeconds, refuseUnload } from '../common/caps.ts'
import { EmbeddingResponseReader } from '../common/embedding-response.ts'
import { embeddingInput } from '../common/inputs.ts'
import { base64Image } from '../common/media.ts'
import type { Notes } from '../common/notes.ts'
import { functionName, removeForbiddenTools } from '../common/offered-tools.ts'
import {
  answerSchema,
  flag,
  integer,
  invalid,
  json,
  list,
  modelName,
  name,
  object,
  onlyIfAllowed,
  type Shape,
  text,
  withRouteHint,
  word,
} from '../common/shape.ts'
import { markMessages } from '../common/spotlight.ts'
import { aroundTools, functionDeclaration, noteToolName } from '../common/tool-shape.ts'
import {
  type Dialect,
  type Listing,
  mergeEntries,
  namesOf,
  type Outgoing,
  type PrepareOptions,
  type Prompt,
  type ServerList,
} from '../dialect.ts'
import { adminRoutes } from './admin.ts'
import { anyMessage, isRemote, options } from './fields.ts'
import { OllamaResponseReader } from './response.ts'
import { showRoute } from './show.ts'

const keepAlive: Shape = (value, at) =>
  keepAliveSeconds(value) ?? invalid(`\`${at}\` must be a number of seconds or a duration such as "5m".`)

const format: Shape = (value, at, notes) => {
  if (value === '') return undefined
  if (isObject(value)) return answerSchema(value, at, notes)
  return value === 'json' ? value : invalid(`\`${at}\` must be "json" or a JSON Schema.`)
}

const think: Shape = (value, at, notes) => (typeof value === 'boolean' ? value : word(value, at, notes))

// Prompt templates contain the type as it is.
const tool = aroundTools(
  object({ type: name, items: json('definition'), function: functionDeclaration }, ['function']),
  'function',
)
const tools = list((value, at, notes) => {
  const read = tool(value, at, notes)
  if (isObject(read)) noteToolName(read.function, notes)
  return read
})

const sampling = { options, keep_alive: keepAlive, truncate: flag }
const generation = { ...sampling, stream: flag, format, think, logprobs: flag, top_logprobs: integer(0, 20) }

const noteAnswerSchema = (notes: Notes, { format: asked }: JsonObject) => {
  if (asked === 'json') notes.answerSchema = true
  if (isObject(asked)) notes.answerSchema = asked
}

/** Token numbers, which reach the model unread: no guard can decode them. */
const numbers = list(integer(0))
const tokens: Shape = (value, at, notes) => {
  notes.unread.add('context')
  return numbers(value, at, notes)
}

const chat = withRouteHint(
  'messages',
  { prompt: '/api/generate', input: '/api/embed' },
  object(
    {
      model: modelName,
      messages: list(anyMessage),
      tools,
      ...generation,
      // ollama-ai-provider puts the limit here, where no server reads it.
      max_output_tokens: integer(),
    },
    ['model'],
  ),
)
const generate = withRouteHint(
  'prompt',
  { messages: '/api/chat', input: '/api/embed' },
  object(
    {
      model: modelName,
      prompt: text('user'),
      suffix: text('user'),
      system: text('system'),
      template: onlyIfAllowed(
        'template',
        text('system'),
        '`template` is not allowed, because it replaces the prompt format of the model.',
      ),
      context: onlyIfAllowed(
        'context',
        tokens,
        '`context` is not allowed, because tokens cannot be inspected. Send the text instead.',
      ),
      raw: onlyIfAllowed(
        'raw',
        flag,
        '`raw` is not allowed, because it bypasses the prompt format of the model.',
      ),
      images: list(base64Image),
      ...generation,
    },
    ['model'],
  ),
)
const embed = withRouteHint(
  'input',
  { prompt: '/api/embeddings', messages: '/api/chat' },
  object({ model: modelName, input: embeddingInput, dimensions: integer(1), ...sampling }, ['model']),
)
const embeddings = withRouteHint(
  'prompt',
  { input: '/api/embed', messages: '/api/chat' },
  object({ model: modelName, prompt: text('document'), ...sampling }, ['model']),
)
// The body was built for this request alone, so it is completed in place.

function prepareGeneration(prompt: Prompt, orders: PrepareOptions): Outgoing {
  const { body } = prompt
  const dropped = [...prompt.dropped]
  const clamped = [...prompt.clamped]
  const settings = isObject(body.options) ? body.options : {}
  if (body.max_output_tokens !== undefined) settings.num_predict ??= body.max_output_tokens
  delete body.max_output_tokens
  const outputTokens = capCount(
    settings,
    'num_predict',
    orders.outputTokens,
    clamped,
    orders.modelDefaults.numPredict,
  )
  capSize(settings, 'num_ctx', orders.contextTokens, clamped, orders.modelDefaults.numCtx)
  const isEmpty = Array.isArray(body.messages) ? body.messages.length === 0 : (body.prompt ?? '') === ''
  if (isEmpty) refuseUnload(body, orders.keepAlive)
  capKeepAlive(body, orders.keepAlive, clamped)
  removeForbiddenTools(body, orders.mayCall, dropped, functionName)
  const marked = markMessages(body, prompt, orders.spotlighting)
  body.model = orders.model
  body.options = settings
  const reader = new OllamaResponseReader(namesOf(prompt, orders))
  return { body, outputTokens, clamped, dropped, marked, reader }
}

function prepareEmbedding(prompt: Prompt, orders: PrepareOptions): Outgoing {
  const { body, dropped } = prompt
  const clamped = [...prompt.clamped]
  const settings = isObject(body.options) ? body.options : {}
  capSize(settings, 'num_ctx', orders.contextTokens, clamped, orders.modelDefaults.numCtx)
  if (Object.keys(settings).length > 0) body.options = settings
  capKeepAlive(body, orders.keepAlive, clamped)
  body.model = orders.model
  const names = namesOf(prompt, orders)
  const reader = new EmbeddingResponseReader(new OllamaResponseReader(names), names)
  return { body, outputTokens: 0, clamped, dropped, reader }
}

const post = { kind: 'exchange', method: 'POST', servers: ['ollama', 'localai'] } as const
const generations = { ...post, cost: 'request', prepare: prepareGeneration } as const
const embedders = { ...post, cost: 'request', group: 'embeddings', prepare: prepareEmbedding } as const

/** The lists of `/api/tags` and `/api/ps`. Models on other hosts are never shown. */
const models: Listing['show'] = (answers) => ({
  models: mergeEntries(
    answers,
    ({ body, mayUse }) => {
      // LocalAI sends null for an empty list.
      const entries = isObject(body) ? (body.models ?? []) : undefined
      if (!Array.isArray(entries)) throw new TypeError('a list of models was expected')
      return entries
        .filter(isObject)
        .filter((entry) => typeof entry.name === 'string' && !isRemote(entry) && mayUse(entry.name))
    },
    'name',
  ),
})

/** Returns the first server's body, because several have no common version. */
function firstBody([answer]: readonly ServerList[]): JsonObject {
  if (!answer || !isObject(answer.body)) throw new TypeError('an object was expected')
  return answer.body
}

/** Shows whether cloud models are disabled, and nothing else of the status. */
const status: Listing['show'] = (answers) => {
  const { cloud } = firstBody(answers)
  return isObject(cloud) ? { cloud: { disabled: cloud.disabled === true } } : {}
}

const version: Listing['show'] = (answers) => {
  const { version } = firstBody(answers)
  if (typeof version !== 'string') throw new TypeError('a version was expected')
  return { version }
}

const listing = { kind: 'listing', group: 'models', cost: 'probe', servers: ['ollama', 'localai'] } as const
const greeting = {
  kind: 'greeting',
  path: '/',
  group: 'models',
  cost: 'probe',
  text: 'Ollama is running',
} as const

/** Ollama's native API. */
export const ollama: Dialect = {
  name: 'ollama',
  prefix: '/api/',
  errorBody: (error) => ({ error: error.message }),
  endpoints: [
    ...adminRoutes,
    {
      ...generations,
      path: '/api/chat',
      group: 'chat',
      read: bodyReader(chat, 'unless told not to', noteAnswerSchema),
    },
    {
      ...generations,
      path: '/api/generate',
      group: 'completions',
      read: bodyReader(generate, 'unless told not to', noteAnswerSchema),
    },
    { ...embedders, path: '/api/embed', read: bodyReader(embed, 'never') },
    { ...embedders, path: '/api/embeddings', read: bodyReader(embeddings, 'never') },
    showRoute,
    { ...listing, method: 'GET', path: '/api/tags', serverPath: '/api/tags', show: models },
    { ...listing, method: 'HEAD', path: '/api/tags', serverPath: '/api/tags', show: models },
    {
      ...listing,
      method: 'GET',
      path: '/api/ps',
      serverPath: '/api/ps',
      omitsRemoteHosts: true,
      show: models,
    },
    {
      ...listing,
      method: 'GET',
      path: '/api/status',
      serverPath: '/api/status',
      show: status,
      servers: ['ollama'],
    },
    { ...listing, method: 'GET', path: '/api/version', serverPath: '/api/version', show: version },
    { ...listing, method: 'HEAD', path: '/api/version', serverPath: '/api/version', show: version },
    { ...greeting, method: 'GET' },
    { ...greeting, method: 'HEAD' },
  ],
}
