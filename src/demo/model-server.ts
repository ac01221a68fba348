/**
 * The demonstration server, which has no model and says so. It has as many routes of Ollama, OpenAI and Anthropic as the
 * demo and a first try with a client need, with deterministic responses: it repeats the prompt, and calls a tool when it is
 * offered one and asked to, with the first example of arguments that the tool's schema has.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isObject, type JsonObject, type JsonValue, parse } from '../core/json.ts'
import { boundAddress } from '../wire/bound-address.ts'
import { sendMessage } from './anthropic.ts'
import { countsOf, echo, type Reply, replyTo, sendJson, wordsOf } from './reply.ts'
import { sendResponse } from './responses.ts'

/** A running demonstration server. */
export interface DemoServer {
  readonly url: string
  close(): Promise<void>
}

const model = 'demo:latest'
const created = '2026-01-01T00:00:00Z'
const entry = {
  name: model,
  model,
  modified_at: created,
  size: 0,
  digest: '0'.repeat(64),
  details: { format: 'none', family: 'demo', parameter_size: '0', quantization_level: 'none' },
}

/** Starts the server on a free port of loopback. */
export async function startDemoServer(): Promise<DemoServer> {
  const server: Server = createServer((request, response) => {
    readBody(request).then(
      (body) => answer(request, response, body),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = boundAddress(server)
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const value: JsonValue = pieces.length === 0 ? {} : parse(Buffer.concat(pieces).toString())
  return isObject(value) ? value : {}
}

function answer({ method, url }: IncomingMessage, response: ServerResponse, body: JsonObject): void {
  const route = routes.get(`${method} ${url}`)
  if (route) route(response, body)
  else {
    response.statusCode = 404
    response.end('404 page not found')
  }
}

type Route = (response: ServerResponse, body: JsonObject) => void

const fixed =
  (value: JsonValue): Route =>
  (response) =>
    sendJson(response, value)

const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['GET /', (response) => void response.end('Ollama is running')],
  ['GET /api/version', fixed({ version: '0.0.0-demo' })],
  ['GET /api/tags', fixed({ models: [entry] })],
  ['GET /api/ps', fixed({ models: [] })],
  [
    'GET /v1/models',
    fixed({ object: 'list', data: [{ id: model, object: 'model', created: 0, owned_by: 'demo' }] }),
  ],
  [
    'POST /api/show',
    fixed({ details: entry.details, model_info: {}, capabilities: ['completion', 'tools'] }),
  ],
  [
    'POST /api/chat',
    (response, body) =>
      ollama(response, body, replyTo(body.messages, body.tools), (content, calls) => ({
        message: { role: 'assistant', content, ...(calls ? { tool_calls: calls } : {}) },
      })),
  ],
  [
    'POST /api/generate',
    (response, body) =>
      ollama(response, body, { text: echo(String(body.prompt ?? '')) }, (content) => ({ response: content })),
  ],
  [
    'POST /api/embed',
    (response, { model: asked }) =>
      sendJson(response, { model: asked ?? model, embeddings: [[0.1, 0.2, 0.3]], prompt_eval_count: 3 }),
  ],
  [
    'POST /v1/chat/completions',
    (response, body) => openai(response, body, replyTo(body.messages, body.tools)),
  ],
  ['POST /v1/messages', sendMessage],
  ['POST /v1/responses', sendResponse],
])

function ollama(
  response: ServerResponse,
  body: JsonObject,
  { text, tool }: Reply,
  shape: (content: string, calls?: JsonValue[]) => JsonObject,
): void {
  const base = { model: body.model ?? model, created_at: created }
  const { input, output } = countsOf(text)
  const end = { done: true, done_reason: 'stop', prompt_eval_count: input, eval_count: output }
  const calls = tool === undefined ? undefined : [{ id: 'call_demo', function: { index: 0, ...tool } }]
  if (body.stream === false) {
    sendJson(response, { ...base, ...shape(text, calls), ...end })
    return
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  const lines: JsonObject[] = wordsOf(text).map((word) => ({ ...base, ...shape(word), done: false }))
  if (calls) lines.push({ ...base, ...shape('', calls), done: false })
  lines.push({ ...base, ...shape(''), ...end })
  response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

function openai(response: ServerResponse, body: JsonObject, { text, tool }: Reply): void {
  const base = { id: 'chatcmpl-demo', created: 0, model: body.model ?? model }
  const { input, output } = countsOf(text)
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
  const calls =
    tool === undefined
      ? undefined
      : [
          {
            ...{ index: 0, id: 'call_demo', type: 'function' },
            function: { name: tool.name, arguments: JSON.stringify(tool.arguments) },
          },
        ]
  const finish = calls ? 'tool_calls' : 'stop'
  if (body.stream !== true) {
    const message = { role: 'assistant', content: text, ...(calls ? { tool_calls: calls } : {}) }
    const choices = [{ index: 0, message, finish_reason: finish }]
    sendJson(response, { ...base, object: 'chat.completion', choices, usage })
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const chunk = (choices: JsonValue[], more: JsonObject = {}) =>
    `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`
  const delta = (value: JsonObject, finish_reason: string | null = null) =>
    chunk([{ index: 0, delta: value, finish_reason }])
  for (const word of wordsOf(text)) response.write(delta({ role: 'assistant', content: word }))
  if (calls) response.write(delta({ role: 'assistant', content: '', tool_calls: calls }))
  response.write(delta({}, finish))
  if (isObject(body.stream_options) && body.stream_options.include_usage === true)
    response.write(chunk([], { usage }))
  response.end('data: [DONE]\n\n')
}
