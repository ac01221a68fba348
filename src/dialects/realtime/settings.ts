/**
 * Settings of a Realtime session and of one response (OpenAI's schema of August 2026; LocalAI v4.9,
 * `openai/types/types.go`). The form is that of the general release; the flat fields of the beta are dropped and noted.
 * Tools are functions, because MCP tools would run on the model server.
 */
import { isObject, type JsonObject } from '../../core/json.ts'
import {
  flag,
  ignored,
  integer,
  invalid,
  json,
  list,
  matching,
  modelName,
  name,
  never,
  nullable,
  object,
  real,
  type Shape,
  text,
  variants,
  word,
  wordOrObject,
} from '../common/shape.ts'
import { noteToolName, toolDeclaration } from '../common/tool-shape.ts'
import { item } from './items.ts'

const functionTool = toolDeclaration(
  object({ type: word, name, description: text('definition'), parameters: json('definition') }, ['name']),
)
const tools = list(
  variants('type', { function: (value, at, notes) => noteToolName(functionTool(value, at, notes), notes) }),
)
const modalities = list(matching(/^(?:text|audio)$/, '`text` or `audio`'))
const format = object(
  {
    type: matching(/^audio\/(?:pcm|pcmu|pcma)$/, '`audio/pcm`, `audio/pcmu` or `audio/pcma`'),
    rate: integer(8000, 48_000),
  },
  ['type'],
)
/** `inf` means what an absent value means: as many as the role may have. */
const outputTokens: Shape = (value, at, notes) => (value === 'inf' ? undefined : integer(1)(value, at, notes))

/** LocalAI keeps what it has where a text is empty, which would then be seen by the model and no longer by the guards. */
function filled(shape: Shape): Shape {
  return (value, at, notes) =>
    value === ''
      ? invalid(
          `\`${at}\` must not be empty: model servers keep the text before. Leave it out, or send another.`,
        )
      : shape(value, at, notes)
}

const turnDetection = object(
  {
    type: word,
    threshold: real,
    prefix_padding_ms: integer(0, 60_000),
    silence_duration_ms: integer(0, 60_000),
    idle_timeout_ms: integer(0, 3_600_000),
    create_response: flag,
    interrupt_response: flag,
    eagerness: word,
  },
  ['type'],
)
const input = object({
  format,
  noise_reduction: nullable(object({ type: word })),
  transcription: nullable(
    object({ model: filled(modelName), language: word, prompt: filled(text('system')) }),
  ),
  turn_detection: nullable(turnDetection),
})
const output = object({ format, voice: word, speed: real })
const stored = never('`prompt` refers to what a server has stored. Send `instructions` instead.')

const common = {
  instructions: filled(text('system')),
  tools,
  tool_choice: wordOrObject(object({ type: word, name }, ['type'])),
  output_modalities: modalities,
  max_output_tokens: outputTokens,
  prompt: stored,
}

/** The settings of a session, or some of them. */
export const sessionSettings = object({
  ...common,
  type: matching(/^realtime$/, '`realtime`: sessions that only transcribe are not supported'),
  model: filled(modelName),
  audio: object({ input, output }),
  include: list(word),
  truncation: wordOrObject(object({ type: word, retention_ratio: real })),
  tracing: ignored,
})

/** What a `response.create` sets. */
export const responseSettings = object({
  ...common,
  conversation: matching(/^(?:auto|none)$/, '`auto` or `none`'),
  metadata: json('user'),
  input: list(item),
  audio: object({ output }),
})

/** Puts an update into the settings of a session. Objects are merged, everything else is replaced. */
export function merged(settings: JsonObject, update: JsonObject): JsonObject {
  const whole = { ...settings }
  for (const [key, value] of Object.entries(update)) {
    const before = whole[key]
    whole[key] = isObject(before) && isObject(value) && key === 'audio' ? mergedAudio(before, value) : value
  }
  return whole
}

function mergedAudio(before: JsonObject, update: JsonObject): JsonObject {
  const whole = { ...before }
  for (const [side, value] of Object.entries(update)) {
    const old = whole[side]
    if (!isObject(old) || !isObject(value)) {
      whole[side] = value
      continue
    }
    const { transcription } = value
    const kept = isObject(old.transcription) ? old.transcription : {}
    // Servers keep the parts of a transcription that an update does not name, or all of it if there is none.
    whole[side] = {
      ...old,
      ...value,
      ...(transcription === undefined
        ? {}
        : { transcription: { ...kept, ...(isObject(transcription) ? transcription : {}) } }),
    }
  }
  return whole
}
