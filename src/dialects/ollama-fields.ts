/** What several of Ollama's native routes share: messages, options, entries of lists (`api/types.go`). */
import type { JsonObject } from '../core/json.ts'
import type { Channel } from '../core/text.ts'
import { base64Image } from './media.ts'
import {
  integer,
  json,
  list,
  name,
  object,
  real,
  type Shape,
  spoken,
  stops,
  text,
  variants,
  word,
} from './shape.ts'

/** More tokens than any context has: the server sets memory aside for some of these. */
const largest = 1_048_576

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
  stop: stops,
  num_ctx: integer(1),
})

function message(channel: Channel): Shape {
  return spoken(
    channel,
    object({
      role: word,
      content: text(channel),
      thinking: text(channel),
      images: list(base64Image),
      tool_calls: list(
        object({
          id: name,
          function: object({ index: integer(0), name, arguments: json('assistant') }, ['name']),
        }),
      ),
      tool_name: name,
      tool_call_id: name,
    }),
  )
}

export const anyMessage = variants('role', {
  system: message('system'),
  user: message('user'),
  assistant: message('assistant'),
  tool: message('tool'),
})

/** Of an entry in a list of models: the model is on another host, and what is sent to it leaves this one. */
export function isElsewhere({ remote_host, remote_model }: JsonObject): boolean {
  return Boolean(remote_host || remote_model)
}
