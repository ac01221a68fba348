/** Answers of the demonstration server in OpenAI's Responses, with the fields that Ollama's have. */
import type { ServerResponse } from 'node:http'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { countsOf, type Reply, replyTo, sendEvents, sendJson, wordsOf } from './reply.ts'

/** Answers `POST /v1/responses`. */
export function sendResponse(response: ServerResponse, body: JsonObject): void {
  const reply = replyTo(body.input, body.tools)
  const item = itemOf(reply)
  const done = documentOf(body, [item], usageOf(reply))
  if (body.stream !== true) {
    sendJson(response, done)
    return
  }
  const begun = { ...documentOf(body, [], null), status: 'in_progress', completed_at: null }
  const events: JsonObject[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, ...beginningOf(reply) } },
    ...(reply.tool ? argumentEvents(item) : textEvents(item, reply.text)),
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: done },
  ]
  sendEvents(
    response,
    events.map((event, at) => ({ ...event, sequence_number: at })),
  )
}

function documentOf(body: JsonObject, output: JsonValue[], usage: JsonValue): JsonObject {
  return {
    ...{ id: 'resp_demo', object: 'response', created_at: 0, completed_at: 0, status: 'completed' },
    ...{ background: false, error: null, incomplete_details: null, instructions: body.instructions ?? null },
    ...{ model: body.model ?? '', metadata: {}, parallel_tool_calls: true, previous_response_id: null },
    ...{ temperature: 1, top_p: 1, tool_choice: 'auto', tools: body.tools ?? [], truncation: 'disabled' },
    ...{ store: false, output, usage },
  }
}

function itemOf({ text, tool }: Reply): JsonObject {
  if (tool) {
    const { name } = tool
    const call = { call_id: 'call_demo', name, arguments: JSON.stringify(tool.arguments) }
    return { type: 'function_call', id: 'fc_demo', status: 'completed', ...call }
  }
  return { type: 'message', id: 'msg_demo', role: 'assistant', status: 'completed', content: [partOf(text)] }
}

/** What an item is without when it begins. */
function beginningOf({ tool }: Reply): JsonObject {
  return { status: 'in_progress', ...(tool ? { arguments: '' } : { content: [] }) }
}

function partOf(text: string): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

function textEvents({ id: item_id }: JsonObject, text: string): JsonObject[] {
  const place = { item_id: item_id ?? '', output_index: 0, content_index: 0 }
  return [
    { type: 'response.content_part.added', ...place, part: partOf('') },
    ...wordsOf(text).map((delta) => ({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...place, text, logprobs: [] },
    { type: 'response.content_part.done', ...place, part: partOf(text) },
  ]
}

function argumentEvents({ id: item_id, name, arguments: text }: JsonObject): JsonObject[] {
  const place = { item_id: item_id ?? '', output_index: 0 }
  return [
    { type: 'response.function_call_arguments.delta', ...place, delta: text ?? '' },
    { type: 'response.function_call_arguments.done', ...place, name: name ?? '', arguments: text ?? '' },
  ]
}

function usageOf({ text }: Reply): JsonObject {
  const { input, output } = countsOf(text)
  return {
    ...{ input_tokens: input, output_tokens: output, total_tokens: input + output },
    ...{ input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } },
  }
}
