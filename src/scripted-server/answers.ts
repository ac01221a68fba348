/** Replies in the wire formats of Ollama and OpenAI, whole or streamed, and the routes of all formats. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { sendMessage } from './anthropic.ts'
import { piecesOf, type Reply, usageOf } from './reply.ts'
import { sendResponse } from './responses.ts'
import { sendJson, type WriteReply } from './send.ts'

const created = '2026-01-01T00:00:00Z'

const ollama =
  (shape: (content: string, calls?: JsonValue[]) => JsonObject): WriteReply =>
  (response, { body }, reply) => {
    const base = { model: body.model ?? '', created_at: created }
    const { input, output } = usageOf(reply)
    const end = { done: true, done_reason: 'stop', prompt_eval_count: input, eval_count: output }
    const calls = reply.calls?.map((call, index) => ({
      id: `call_${index}`,
      function: { index, name: call.name, arguments: call.arguments },
    }))
    if (body.stream === false) {
      sendJson(response, { ...base, ...shape(reply.text, calls), ...end })
      return
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    const lines: JsonObject[] = piecesOf(reply.text).map((word) => ({ ...base, ...shape(word), done: false }))
    if (calls) lines.push({ ...base, ...shape('', calls), done: false })
    lines.push({ ...base, ...shape(''), ...end })
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }

const openaiChat: WriteReply = (response, { body }, reply) => {
  const base = { id: 'chatcmpl-scripted', created: 0, model: body.model ?? '' }
  const usage = openaiUsage(reply)
  const calls = reply.calls?.map((call, index) => ({
    index,
    id: `call_${index}`,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }))
  const finish = calls ? 'tool_calls' : 'stop'
  if (body.stream !== true) {
    const message = { role: 'assistant', content: reply.text, ...(calls ? { tool_calls: calls } : {}) }
    const choices = [{ index: 0, message, finish_reason: finish }]
    sendJson(response, { ...base, object: 'chat.completion', choices, usage })
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const chunk = (choices: JsonValue[], more: JsonObject = {}) =>
    `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`
  const delta = (value: JsonObject, finish_reason: string | null = null) =>
    chunk([{ index: 0, delta: value, finish_reason }])
  for (const word of piecesOf(reply.text)) response.write(delta({ role: 'assistant', content: word }))
  if (calls) response.write(delta({ role: 'assistant', content: '', tool_calls: calls }))
  response.write(delta({}, finish))
  if (isObject(body.stream_options) && body.stream_options.include_usage === true)
    response.write(chunk([], { usage }))
  response.end('data: [DONE]\n\n')
}

function openaiUsage(reply: Reply): JsonObject {
  const { input, output } = usageOf(reply)
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
}

const openaiCompletion: WriteReply = (response, { body }, reply) =>
  sendJson(response, {
    id: 'cmpl-scripted',
    object: 'text_completion',
    created: 0,
    model: body.model ?? '',
    choices: [{ index: 0, text: reply.text, finish_reason: 'stop', logprobs: null }],
    usage: openaiUsage(reply),
  })

const vector = [0.1, 0.2, 0.3]

/** The routes that make a model work. */
export const modelRoutes: ReadonlyMap<string, WriteReply> = new Map<string, WriteReply>([
  [
    'POST /api/chat',
    ollama((content, calls) => ({
      message: { role: 'assistant', content, ...(calls ? { tool_calls: calls } : {}) },
    })),
  ],
  ['POST /api/generate', ollama((content) => ({ response: content }))],
  [
    'POST /api/embed',
    (response, { body }) =>
      sendJson(response, { model: body.model ?? '', embeddings: [vector], prompt_eval_count: 3 }),
  ],
  ['POST /v1/chat/completions', openaiChat],
  ['POST /v1/completions', openaiCompletion],
  [
    'POST /v1/embeddings',
    (response, { body }) =>
      sendJson(response, {
        object: 'list',
        data: [{ object: 'embedding', embedding: vector, index: 0 }],
        model: body.model ?? '',
        usage: { prompt_tokens: 3, total_tokens: 3 },
      }),
  ],
  ['POST /v1/messages', sendMessage],
  ['POST /v1/responses', sendResponse],
])
