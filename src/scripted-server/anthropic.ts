/** Replies in Anthropic's Messages, with the fields that Ollama's have. */
import type { JsonObject } from '../core/json.ts'
import { piecesOf, type Reply, type ScriptedCall, usageOf } from './reply.ts'
import { sendEvents, sendJson, type WriteReply } from './send.ts'

/** Answers `POST /v1/messages`. */
export const sendMessage: WriteReply = (response, { body }, reply) => {
  const { input, output } = usageOf(reply)
  const base = { id: 'msg_scripted', type: 'message', role: 'assistant', model: body.model ?? '' }
  const stop = { stop_reason: reply.calls ? 'tool_use' : 'end_turn' }
  const usage = { input_tokens: input, output_tokens: output }
  const blocks = blocksOf(reply)
  if (body.stream !== true) {
    sendJson(response, { ...base, content: blocks.map(({ whole }) => whole), ...stop, usage })
    return
  }
  sendEvents(response, [
    { type: 'message_start', message: { ...base, content: [], usage: { ...usage, output_tokens: 0 } } },
    ...blocks.flatMap(({ beginning, deltas }, index) => [
      { type: 'content_block_start', index, content_block: beginning },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: stop, usage },
    { type: 'message_stop' },
  ])
}

/** A block of content, whole and as it is streamed. */
interface Block {
  readonly whole: JsonObject
  readonly beginning: JsonObject
  readonly deltas: readonly JsonObject[]
}

function blocksOf({ text, calls = [] }: Reply): readonly Block[] {
  return [...(text === '' && calls.length > 0 ? [] : [textBlock(text)]), ...calls.map(callBlock)]
}

function textBlock(text: string): Block {
  return {
    whole: { type: 'text', text },
    beginning: { type: 'text', text: '' },
    deltas: piecesOf(text).map((piece) => ({ type: 'text_delta', text: piece })),
  }
}

function callBlock({ name, arguments: input }: ScriptedCall, index: number): Block {
  const call = { type: 'tool_use', id: `toolu_${index}`, name }
  return {
    whole: { ...call, input },
    beginning: { ...call, input: {} },
    deltas: [{ type: 'input_json_delta', partial_json: JSON.stringify(input) }],
  }
}
