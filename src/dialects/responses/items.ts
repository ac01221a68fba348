/**
 * The items of a Responses conversation (OpenAI's schema of August 2026): messages, calls and their results, reasoning,
 * and tools that are added later. Items that no guard can read, or that refer to what a server has stored, are refused by
 * type.
 */
import { isObject, stringOf } from '../../core/json.ts'
import type { Channel } from '../../core/text.ts'
import { typeOf } from '../common/hosted-tools.ts'
import { imageUrl } from '../common/media.ts'
import { qualifiedName } from '../common/offered-tools.ts'
import {
  betweenMessages,
  concatenated,
  ignored,
  integer,
  invalid,
  json,
  list,
  messageShape,
  name,
  type ObjectShape,
  object,
  oneOrMany,
  refusalPart,
  type Shape,
  text,
  textPart,
  variants,
  word,
} from '../common/shape.ts'
import { toolResult } from '../common/tool-shape.ts'
import { tools } from './tools.ts'

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
  return oneOrMany(text(channel), concatenated(list(parts)))
}

function message(channel: Channel): Shape {
  return messageShape(
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

const called = { type: word, id: name, call_id: name }
const result = (output: Shape, more: Readonly<Record<string, Shape>> = {}): ObjectShape =>
  toolResult(object({ ...called, output, ...more }, ['call_id']), 'call_id')

/** In OpenAI's schema the result of a local shell has the id of the call as its own. */
const localShellResult = result(content('tool'))
const localShellOutput: Shape = (value, at, notes) =>
  localShellResult(
    isObject(value) && value.call_id === undefined && value.id !== undefined
      ? { ...value, call_id: value.id }
      : value,
    at,
    notes,
  )

const unreadable =
  'hold a conversation that no guard can read. Have the client compact the conversation itself, with a summary from `/v1/responses`.'
const elsewhere =
  'belong to tools that run on a server, and the model servers do not read them. Leave them out.'
const refused: ReadonlyMap<string, string> = new Map([
  ['compaction', unreadable],
  ['compaction_summary', unreadable],
  ['context_compaction', unreadable],
  ['compaction_trigger', unreadable],
  ['item_reference', 'refer to stored items, which do not exist here. Send the whole conversation instead.'],
  ...[
    'file_search_call',
    'computer_call',
    'computer_call_output',
    'code_interpreter_call',
    'image_generation_call',
    'tool_search_call',
    'tool_search_output',
    'mcp_list_tools',
    'mcp_approval_request',
    'mcp_approval_response',
    'mcp_call',
    'program',
    'program_output',
  ].map((type): [string, string] => [type, elsewhere]),
])

/** Notes a call, and its qualified name too, because some servers use that for tools in a namespace. */
const callOf =
  (shape: ObjectShape): Shape =>
  (value, at, notes) => {
    const read = shape(value, at, notes)
    notes.noteCall(read.call_id, read.name)
    if (typeof read.namespace === 'string') notes.name(qualifiedName(stringOf(read.name), [read.namespace]))
    return read
  }

const known = variants('type', {
  message: anyMessage,
  function_call: callOf(
    object({ ...called, name, namespace: name, arguments: text('assistant') }, ['call_id', 'name']),
  ),
  function_call_output: result(content('tool')),
  custom_tool_call: callOf(
    object({ ...called, name, namespace: name, input: text('assistant') }, ['call_id', 'name', 'input']),
  ),
  custom_tool_call_output: result(content('tool')),
  local_shell_call: object({ ...called, action: json('assistant'), status: word }, ['call_id', 'action']),
  local_shell_call_output: localShellOutput,
  shell_call: object({ ...called, action: json('assistant'), status: word }, ['call_id', 'action']),
  shell_call_output: result(json('tool'), { max_output_length: integer(0) }),
  apply_patch_call: object({ ...called, operation: json('assistant'), status: word }, [
    'call_id',
    'operation',
  ]),
  apply_patch_call_output: result(text('tool'), { status: word }),
  additional_tools: object({ type: word, id: name, role: word, tools }, ['tools']),
  // Ollama's `encrypted_content` is plain text, and read as such.
  reasoning: betweenMessages(
    object({
      type: word,
      id: name,
      summary: content('assistant'),
      content: content('assistant'),
      encrypted_content: text('assistant'),
    }),
  ),
  web_search_call: ignored,
})

const item: Shape = (value, at, notes) => {
  const type = typeOf(value)
  if (type === undefined && isObject(value) && value.type === undefined) return anyMessage(value, at, notes)
  const why = type === undefined ? undefined : refused.get(type)
  if (why !== undefined) return invalid(`\`${at}\`: items of type \`${type}\` ${why}`)
  return known(value, at, notes)
}

/** The conversation: one text of the user, or items. */
export const input = oneOrMany(text('user'), list(item))
