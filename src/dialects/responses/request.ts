/**
 * Requests of OpenAI's Responses API (`POST /v1/responses`), as both model servers read them: Ollama v0.33
 * (`openai/responses.go`) and LocalAI v4.9. Items are in `items.ts`, tools in `tools.ts`; `translate-for-server.ts`
 * adapts both to the chosen server. Servers put text blocks together with nothing between them.
 *
 * Special case: a conversation may be continued by the id of its last response. LocalAI would continue that of any caller,
 * so the id must be one that the gateway gave to the same caller. Ollama ignores it, so it is dropped and the caller told.
 */
import { isObject, type JsonObject } from '../../core/json.ts'
import { bodyReader } from '../common/body-reader.ts'
import { capCount, leaveOut } from '../common/caps.ts'
import type { Notes } from '../common/notes.ts'
import { functionOrFlatName, removeForbiddenTools } from '../common/offered-tools.ts'
import {
  answerSchema,
  flag,
  integer,
  matching,
  modelName,
  name,
  never,
  object,
  real,
  type Shape,
  text,
  withRouteHint,
  word,
  wordOrObject,
} from '../common/shape.ts'
import { markItems } from '../common/spotlight.ts'
import {
  type Dialect,
  type Exchange,
  namesOf,
  type Outgoing,
  type PrepareOptions,
  type Prompt,
} from '../dialect.ts'
import { sseComment } from '../framing/sse.ts'
import { openaiError } from '../openai/request.ts'
import { input } from './items.ts'
import { ResponsesResponseReader } from './response.ts'
import { nameOrCallType, tools } from './tools.ts'
import { hoistAddedTools, translateForServer } from './translate-for-server.ts'

/** The id of a response. The pipeline checks that it was given to this caller. */
const someId = matching(/^[\w-]{1,128}$/, 'the id of an answer')
const keptId: Shape = (value, at, notes) => (value === '' ? undefined : someId(value, at, notes))

const serverKeeps = 'is not stored by this server. Send the whole conversation instead.'
/** Read by every other server, and not by Ollama. */
const notOllama = {
  store: flag,
  tool_choice: wordOrObject(object({ type: word, name }, ['type'])),
  parallel_tool_calls: flag,
  max_tool_calls: integer(1, 1024),
  presence_penalty: real,
  frequency_penalty: real,
  top_logprobs: integer(0, 20),
}
const request = withRouteHint(
  'input',
  { messages: '/v1/chat/completions', prompt: '/v1/completions' },
  object(
    {
      model: modelName,
      input,
      instructions: text('system'),
      max_output_tokens: integer(),
      reasoning: object({ effort: word, summary: word }),
      temperature: real,
      text: object({ format: object({ type: word, name, schema: answerSchema }) }),
      top_p: real,
      truncation: word,
      tools,
      stream: flag,
      background: never('`background` is not supported, because the response would be lost.'),
      conversation: never(`\`conversation\` ${serverKeeps}`),
      previous_response_id: keptId,
      ...notOllama,
      prompt: never(`\`prompt\` ${serverKeeps}`),
    },
    ['model', 'input'],
  ),
)

const noteAnswerSchema = (notes: Notes, { text: asked }: JsonObject) => {
  const format = isObject(asked) ? asked.format : undefined
  if (!isObject(format)) return
  if (format.type === 'json_object') notes.answerSchema = { type: 'object' }
  if (format.type === 'json_schema') notes.answerSchema = isObject(format.schema) ? format.schema : true
}

const readRequest = bodyReader(request, 'if asked', noteAnswerSchema)
const read: Exchange['read'] = (body, allowed, shared) => {
  const prompt = readRequest(body, allowed, shared)
  const { previous_response_id: continues } = prompt.body
  return typeof continues === 'string' ? { ...prompt, previousResponseId: continues } : prompt
}

// The body was built for this request alone, so it is completed in place.
function prepare(prompt: Prompt, orders: PrepareOptions): Outgoing {
  const { body } = prompt
  const { instructions } = body
  const clamped: string[] = []
  const dropped = [...prompt.dropped]
  const leftOut = [...(prompt.leftOut ?? [])]
  if (orders.server === 'ollama') {
    if (body.previous_response_id !== undefined) leftOut.push('previous_response_id')
    leaveOut(body, ['previous_response_id', ...Object.keys(notOllama)], dropped)
  }
  const outputTokens = capCount(
    body,
    'max_output_tokens',
    orders.outputTokens,
    clamped,
    orders.modelDefaults.numPredict,
  )
  hoistAddedTools(body, orders.server)
  removeForbiddenTools(body, orders.mayCall, dropped, nameOrCallType, functionOrFlatName)
  const declared = translateForServer(body, orders.server)
  const marked = markItems(body, prompt, orders.spotlighting)
  body.model = orders.model
  const reader = new ResponsesResponseReader(namesOf(prompt, orders), prompt.stream, instructions, declared)
  return { body, outputTokens, clamped, dropped, leftOut, marked, reader }
}

/** OpenAI's Responses API. */
export const responses: Dialect = {
  name: 'responses',
  prefix: '/v1/responses',
  keepAlive: sseComment,
  errorBody: openaiError,
  absent: {
    '/v1/responses/compact':
      '`/v1/responses/compact` is not supported, because its response is encrypted and no guard can read it. Have the client compact the conversation itself, with a summary from `/v1/responses`.',
  },
  endpoints: [
    {
      kind: 'exchange',
      method: 'POST',
      path: '/v1/responses',
      group: 'chat',
      cost: 'request',
      read,
      prepare,
    },
    {
      kind: 'stored',
      method: 'GET',
      path: '/v1/responses/:id',
      group: 'chat',
      cost: 'probe',
      serverPath: (id) => `/v1/responses/${id}`,
    },
  ],
}
