/** Replies in OpenAI's Responses, with the fields that Ollama's have. */
import type { JsonObject, JsonValue } from '../core/json.ts'
import { piecesOf, type Reply, type ScriptedCall, usageOf } from './reply.ts'
import { sendEvents, sendJson, type WriteReply } from './send.ts'

/** Answers `POST /v1/responses`. */
export const sendResponse: WriteReply = (response, { body }, reply) => {
  const items = itemsOf(reply)
  const done = documentOf(
    body,
    items.map(({ whole }) => whole),
    usageIn(reply),
  )
  if (body.stream !== true) {
    sendJson(response, done)
    return
  }
  const begun = { ...documentOf(body, [], null), status: 'in_progress', completed_at: null }
  const events: JsonObject[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...items.flatMap(({ whole, beginning, events: within }, output_index) => [
      { type: 'response.output_item.added', output_index, item: { ...whole, ...beginning } },
      ...within.map((event) => ({ ...event, output_index })),
      { type: 'response.output_item.done', output_index, item: whole },
    ]),
    { type: 'response.completed', response: done },
  ]
  sendEvents(
    response,
    events.map((event, at) => ({ ...event, sequence_number: at })),
  )
}

function documentOf(body: JsonObject, output: JsonValue[], usage: JsonValue): JsonObject {
  return {
    ...{ id: 'resp_scripted', object: 'response', created_at: 0, completed_at: 0, status: 'completed' },
    ...{ background: false, error: null, incomplete_details: null, instructions: body.instructions ?? null },
    ...{ model: body.model ?? '', metadata: {}, parallel_tool_calls: true, previous_response_id: null },
    ...{ temperature: 1, top_p: 1, tool_choice: 'auto', tools: body.tools ?? [], truncation: 'disabled' },
    ...{ store: false, output, usage },
  }
}

/** An item of the output, whole and as it is streamed. */
interface Item {
  readonly whole: JsonObject
  /** What is different of it when it begins. */
  readonly beginning: JsonObject
  readonly events: readonly JsonObject[]
}

function itemsOf({ text, calls = [] }: Reply): readonly Item[] {
  return [...(text === '' && calls.length > 0 ? [] : [messageItem(text)]), ...calls.map(callItem)]
}

function messageItem(text: string): Item {
  const id = 'msg_scripted'
  const place = { item_id: id, content_index: 0 }
  return {
    whole: { type: 'message', id, role: 'assistant', status: 'completed', content: [partOf(text)] },
    beginning: { status: 'in_progress', content: [] },
    events: [
      { type: 'response.content_part.added', ...place, part: partOf('') },
      ...piecesOf(text).map((delta) => ({
        type: 'response.output_text.delta',
        ...place,
        delta,
        logprobs: [],
      })),
      { type: 'response.output_text.done', ...place, text, logprobs: [] },
      { type: 'response.content_part.done', ...place, part: partOf(text) },
    ],
  }
}

function callItem({ name, arguments: given }: ScriptedCall, index: number): Item {
  const id = `fc_${index}`
  const text = JSON.stringify(given)
  return {
    whole: {
      ...{ type: 'function_call', id, status: 'completed' },
      ...{ call_id: `call_${index}`, name, arguments: text },
    },
    beginning: { status: 'in_progress', arguments: '' },
    events: [
      { type: 'response.function_call_arguments.delta', item_id: id, delta: text },
      { type: 'response.function_call_arguments.done', item_id: id, name, arguments: text },
    ],
  }
}

function partOf(text: string): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

function usageIn(reply: Reply): JsonObject {
  const { input, output } = usageOf(reply)
  return {
    ...{ input_tokens: input, output_tokens: output, total_tokens: input + output },
    ...{ input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } },
  }
}
