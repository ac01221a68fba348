/** Answers of the demonstration server in Anthropic's Messages, with the fields that Ollama's have. */
import type { ServerResponse } from 'node:http'
import type { JsonObject } from '../core/json.ts'
import { countsOf, type Reply, replyTo, sendEvents, sendJson, wordsOf } from './reply.ts'

/** Answers `POST /v1/messages`. */
export function sendMessage(response: ServerResponse, body: JsonObject): void {
  const reply = replyTo(body.messages, body.tools)
  const { input, output } = countsOf(reply.text)
  const base = { id: 'msg_demo', type: 'message', role: 'assistant', model: body.model ?? '' }
  const stop = { stop_reason: reply.tool ? 'tool_use' : 'end_turn' }
  const usage = { input_tokens: input, output_tokens: output }
  if (body.stream !== true) {
    sendJson(response, { ...base, content: [blockOf(reply)], ...stop, usage })
    return
  }
  sendEvents(response, [
    { type: 'message_start', message: { ...base, content: [], usage: { ...usage, output_tokens: 0 } } },
    { type: 'content_block_start', index: 0, content_block: beginningOf(reply) },
    ...deltasOf(reply).map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: stop, usage },
    { type: 'message_stop' },
  ])
}

function blockOf({ text, tool }: Reply): JsonObject {
  return tool
    ? { type: 'tool_use', id: 'toolu_demo', name: tool.name, input: tool.arguments }
    : { type: 'text', text }
}

function beginningOf(reply: Reply): JsonObject {
  return { ...blockOf(reply), ...(reply.tool ? { input: {} } : { text: '' }) }
}

function deltasOf({ text, tool }: Reply): JsonObject[] {
  return tool
    ? [{ type: 'input_json_delta', partial_json: JSON.stringify(tool.arguments) }]
    : wordsOf(text).map((word) => ({ type: 'text_delta', text: word }))
}
