/** Shapes that several of Ollama's native routes share: messages, options, entries of lists (v0.33, `api/types.go`). */
import type { JsonObject } from '../../core/json.ts'
import type { Channel } from '../../core/text.ts'
import { base64Image } from '../common/media.ts'
import {
  integer,
  invalid,
  json,
  list,
  messageShape,
  name,
  type ObjectShape,
  object,
  real,
  type Shape,
  stops,
  text,
  variants,
  word,
} from '../common/shape.ts'
import { calledFunctionName, toolCall } from '../common/tool-shape.ts'

/** More tokens than any context has; the server allocates memory for some of these. */
const largest = 1_048_576

/** A list only: the server accepts a single string elsewhere, but not here. */
const stopList: Shape = (value, at, notes) =>
  Array.isArray(value) ? stops(value, at, notes) : invalid(`\`${at}\` must be a list of strings.`)

/** The `options` of a request; those that restart the model's runner are not among them. */
export const options = object({
  num_keep: integer(-1, largest),
  seed: integer(),
  num_predict: integer(),
  top_k: integer(-1, largest),
  top_p: real,
  min_p: real,
  typical_p: real,
  repeat_last_n: integer(-1, largest),
  temperature: real,
  repeat_penalty: real,
  presence_penalty: real,
  frequency_penalty: real,
  stop: stopList,
  num_ctx: integer(1),
})

function message(channel: Channel): ObjectShape {
  return messageShape(
    channel,
    object({
      role: word,
      content: text(channel),
      thinking: text(channel),
      images: list(base64Image),
      tool_calls: list(
        toolCall(
          object({
            id: name,
            function: object({ index: integer(0), name, arguments: json('assistant') }, ['name']),
          }),
          'id',
          calledFunctionName,
        ),
      ),
      tool_name: name,
      tool_call_id: name,
    }),
  )
}

const anyToolMessage = message('tool')
/** A tool result is attributed by the name of its tool, because ids are often made up by the client. */
const toolMessage: Shape = (value, at, notes) => {
  const from = notes.texts.length
  const read = anyToolMessage(value, at, notes)
  const { tool_name: tool, tool_call_id: call } = read
  if (typeof tool === 'string' && tool !== '') {
    notes.results.push({ tool })
    notes.attributeTo(from, tool)
  } else if (typeof call === 'string' && call !== '') {
    notes.results.push({ call })
    notes.attributeToCall(from, call)
  }
  return read
}

/** A message of any role. */
export const anyMessage = variants('role', {
  system: message('system'),
  user: message('user'),
  assistant: message('assistant'),
  tool: toolMessage,
})

/** Tells whether an entry in a list of models is of a model on another host. */
export function isRemote({ remote_host, remote_model }: JsonObject): boolean {
  return Boolean(remote_host || remote_model)
}
