/**
 * The events of Realtime servers that clients get, with their fields (OpenAI's schema of August 2026; LocalAI v4.9,
 * `openai/types/server_events.go`). Others are dropped: MCP runs on the server, and what is not declared was not inspected.
 */
import {
  count,
  countOrWord,
  type Field,
  flag,
  list,
  object,
  piece,
  sound,
  text,
  word,
} from './server-fields.ts'

const head = { type: word, event_id: word }
const said = { content_index: count, transcript: text('content'), text: text('content') }
/** Without sound: the client has had it, or has sent it. */
const part = object({ type: word, text: text('content'), transcript: text('content') })
/** A message; function calls are judged and built by themselves. */
export const messageItem = object({
  id: word,
  object: word,
  type: word,
  status: word,
  role: word,
  content: list(part),
})

const details = object({ cached_tokens: count, text_tokens: count, audio_tokens: count })
const usage = object({
  type: word,
  total_tokens: count,
  input_tokens: count,
  output_tokens: count,
  seconds: count,
  input_token_details: details,
  output_token_details: details,
})
/** What a failure is called; its words may name paths and addresses of the server. */
const failure = object({ type: word, code: word })
const format = object({ type: word, rate: count })

/** Of a response, all but its items. */
export const responseFields = object({
  id: word,
  object: word,
  status: word,
  status_details: object({ type: word, reason: word, error: failure }),
  conversation_id: word,
  max_output_tokens: countOrWord,
  output_modalities: list(word),
  audio: object({ output: object({ format, voice: word }) }),
  usage,
})

/** Of a session, what is neither text nor a tool: the client gets its own back. */
export const sessionFields = object({
  id: word,
  object: word,
  type: word,
  expires_at: count,
  max_output_tokens: countOrWord,
  output_modalities: list(word),
  audio: object({
    input: object({
      format,
      noise_reduction: object({ type: word }),
      turn_detection: object({
        type: word,
        threshold: count,
        prefix_padding_ms: count,
        silence_duration_ms: count,
        idle_timeout_ms: count,
        create_response: flag,
        interrupt_response: flag,
        eagerness: word,
      }),
    }),
    output: object({ format, voice: word, speed: count }),
  }),
})

const inResponse = { ...head, response_id: word, item_id: word, output_index: count, content_index: count }

function event(fields: Readonly<Record<string, Field>>) {
  return object({ ...head, ...fields })
}

/** Events that are built from their fields alone. */
export const plainEvents: ReadonlyMap<string, ReturnType<typeof object>> = new Map(
  Object.entries({
    'conversation.created': event({ conversation: object({ id: word, object: word }) }),
    'conversation.item.deleted': event({ item_id: word }),
    'conversation.item.truncated': event({ item_id: word, content_index: count, audio_end_ms: count }),
    'conversation.item.input_audio_transcription.segment': event({
      item_id: word,
      id: word,
      speaker: word,
      start: count,
      end: count,
      ...said,
    }),
    'conversation.item.input_audio_transcription.failed': event({
      item_id: word,
      content_index: count,
      error: failure,
    }),
    'input_audio_buffer.committed': event({ item_id: word, previous_item_id: word }),
    'input_audio_buffer.cleared': event({}),
    'input_audio_buffer.speech_started': event({ item_id: word, audio_start_ms: count }),
    'input_audio_buffer.speech_stopped': event({ item_id: word, audio_end_ms: count }),
    'input_audio_buffer.timeout_triggered': event({
      item_id: word,
      audio_start_ms: count,
      audio_end_ms: count,
    }),
    'rate_limits.updated': event({
      rate_limits: list(object({ name: word, limit: count, remaining: count, reset_seconds: count })),
    }),
    'response.output_audio.done': object(inResponse),
    'response.audio.done': object(inResponse),
  }),
)

/** Pieces of a text, and the field in which its end repeats it. */
export const textDeltas: ReadonlyMap<string, { readonly end: string; readonly repeated: string }> = new Map(
  Object.entries({
    'response.output_text.delta': { end: 'response.output_text.done', repeated: 'text' },
    'response.text.delta': { end: 'response.text.done', repeated: 'text' },
    'response.output_audio_transcript.delta': {
      end: 'response.output_audio_transcript.done',
      repeated: 'transcript',
    },
    'response.audio_transcript.delta': { end: 'response.audio_transcript.done', repeated: 'transcript' },
    'conversation.item.input_audio_transcription.delta': {
      end: 'conversation.item.input_audio_transcription.completed',
      repeated: 'transcript',
    },
  }),
)

/** Fields of a piece, beside the piece. */
export const pieceEvent = object({ ...inResponse, delta: piece })
/** Fields of the end of a text. */
export const endEvent = object({ ...inResponse, ...said, usage })
/** Fields of a piece of sound. */
export const soundEvent = object({ ...inResponse, delta: sound })
/** Fields of the beginning or end of a part. */
export const partEvent = object({ ...inResponse, part })
/** Fields of the beginning or end of an item, all but the item. */
export const itemEvent = object({ ...inResponse, previous_item_id: word })
