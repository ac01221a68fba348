/**
 * OpenAI's Responses API (`POST /v1/responses`), as both model servers read it: Ollama v0.33
 * (`openai/responses.go`), LocalAI v4.9.
 *
 * Peculiar to it: a conversation may be continued by an id instead of being sent. Ollama ignores the id and
 * answers without the history; LocalAI hands one caller's conversation to another. So an id is refused unless the
 * gate gave it to the same caller. Tools that run on the server (web search) are taken out and the request kept:
 * Codex sends one every time. Text blocks reach the model with nothing between them.
 */
import { isObject } from '../core/json.ts'
import type { Channel } from '../core/text.ts'
import { capCount, leaveOut } from './caps.ts'
import { type Dialect, type Exchange, namesOf, type Orders, type Outgoing, type Prompt } from './dialect.ts'
import { comment } from './framing/sse.ts'
import { imageUrl } from './media.ts'
import { named, offerOnly, typed } from './offered-tools.ts'
import { openaiError } from './openai.ts'
import { readBy } from './read-by.ts'
import { ResponsesAnswer } from './responses-answer.ts'
import { markItems } from './separate.ts'
import {
  answering,
  answerSchema,
  aside,
  flag,
  integer,
  invalid,
  joined,
  json,
  leftOut,
  list,
  matching,
  modelName,
  name,
  never,
  noteTool,
  object,
  oneOrMany,
  real,
  refusalPart,
  type Shape,
  spoken,
  text,
  textPart,
  variants,
  word,
  wordOr,
} from './shape.ts'

function content(channel: Channel): Shape {
  const said = textPart(channel)
  const parts = variants('type', {
    input_text: said,
    output_text: said,
    text: said,
    summary_text: said,
    reasoning_text: said,
    refusal: refusalPart(channel, 'output_text'),
    input_image: object({ type: word, image_url: imageUrl }, ['image_url']),
  })
  return oneOrMany(text(channel), joined(list(parts)))
}

function message(channel: Channel): Shape {
  return spoken(
    channel,
    object({ type: word, id: name, role: word, content: content(channel) }, ['role', 'content']),
  )
}

const anyMessage = variants('role', {
  system: message('system'),
  developer: message('system'),
  user: message('user'),
  assistant: message('assistant'),
})

const item = variants('type', {
  message: anyMessage,
  function_call: object(
    { type: word, id: name, call_id: name, name, namespace: name, arguments: text('assistant') },
    ['call_id', 'name'],
  ),
  function_call_output: answering(
    object({ type: word, id: name, call_id: name, output: content('tool') }, ['call_id']),
    'call_id',
  ),
  // What Ollama calls encrypted is its own plain text, and it is read as such.
  reasoning: aside(
    object({
      type: word,
      id: name,
      summary: content('assistant'),
      content: content('assistant'),
      encrypted_content: text('assistant'),
    }),
  ),
  web_search_call: leftOut,
})

const input = oneOrMany(
  text('user'),
  list((value, at, notes) =>
    (isObject(value) && value.type === undefined ? anyMessage : item)(value, at, notes),
  ),
)

const functionTool = object(
  { type: word, name, description: text('definition'), parameters: json('definition') },
  ['name'],
)

/** Functions, and functions in namespaces; everything else would run on the server, and is taken out. */
const tool: Shape = (value, at, notes) => {
  const type = isObject(value) ? value.type : undefined
  if (type === 'function') return noteTool(functionTool(value, at, notes), notes)
  if (type === 'namespace') return namespaceTool(value, at, notes)
  if (typeof type !== 'string') return invalid(`\`${at}.type\` must be a string.`)
  return leftOut(value, at, notes)
}
const namespaceTool = object(
  // Called when it is needed: a namespace holds tools, which may be namespaces.
  {
    type: word,
    name,
    description: text('definition'),
    tools: list((value, at, notes) => tool(value, at, notes)),
  },
  ['name'],
)

/** A conversation that goes on: whether this caller may name it is judged by who was given the id. */
const someId = matching(/^[\w-]{1,128}$/, 'the id of an answer')
const keptId: Shape = (value, at, notes) => (value === '' ? undefined : someId(value, at, notes))

const serverKeeps = 'is not kept by this server. Send the whole conversation instead.'
/** Read by every other server, and not by Ollama. */
const notOllama = {
  store: flag,
  tool_choice: wordOr(object({ type: word, name }, ['type'])),
  parallel_tool_calls: flag,
  max_tool_calls: integer(1, 1024),
  presence_penalty: real,
  frequency_penalty: real,
  top_logprobs: integer(0, 20),
}
const request = object(
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
    tools: list(tool),
    stream: flag,
    background: never('`background` is not supported: the answer would be lost.'),
    conversation: never(`\`conversation\` ${serverKeeps}`),
    previous_response_id: keptId,
    ...notOllama,
    prompt: never(`\`prompt\` ${serverKeeps}`),
  },
  ['model', 'input'],
)

const readRequest = readBy(request)
const read: Exchange['read'] = (body, allowed) => {
  const prompt = readRequest(body, allowed)
  const { previous_response_id: continues } = prompt.body
  return typeof continues === 'string' ? { ...prompt, continues } : prompt
}

// The body is fresh and nobody else's, so it is completed in place.
function prepare(prompt: Prompt, orders: Orders): Outgoing {
  const { body } = prompt
  const { instructions } = body
  const clamped: string[] = []
  const dropped = [...prompt.dropped]
  if (orders.server === 'ollama') leaveOut(body, Object.keys(notOllama), dropped)
  const outputTokens = capCount(body, 'max_output_tokens', orders.outputTokens, clamped)
  offerOnly(body, orders.mayCall, dropped, named, typed)
  const marked = markItems(body, prompt, orders.separation)
  body.model = orders.model
  const reader = new ResponsesAnswer(namesOf(prompt, orders), prompt.stream, instructions)
  return { body, outputTokens, clamped, dropped, marked, reader }
}

export const responses: Dialect = {
  name: 'responses',
  prefix: '/v1/responses',
  keepAlive: comment,
  errorBody: openaiError,
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
      kind: 'kept',
      method: 'GET',
      path: '/v1/responses/:id',
      group: 'chat',
      cost: 'probe',
      serverPath: (id) => `/v1/responses/${id}`,
    },
  ],
}
