/**
 * Items of a Realtime conversation (OpenAI's schema of August 2026; LocalAI v4.9, `openai/types/message_item.go`):
 * messages, function calls and their results. Sound is passed on and noted as unread. Items that run on the server (MCP),
 * or that refer to what a server has stored, are refused by type.
 */
import type { Channel } from '../../core/text.ts'
import { imageUrl } from '../common/media.ts'
import {
  concatenated,
  invalid,
  list,
  matching,
  messageShape,
  name,
  object,
  type Shape,
  text,
  textPart,
  variants,
  word,
} from '../common/shape.ts'
import { toolCall, toolResult } from '../common/tool-shape.ts'

/** The id of an item, an event or a response. */
export const id: Shape = matching(/^[\w.:-]{1,128}$/, 'an id')

const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Sound in base64, which no guard reads. */
export const sound: Shape = (value, at, notes) => {
  if (typeof value !== 'string' || !base64.test(value)) return invalid(`\`${at}\` must be base64.`)
  notes.unread.add('audio')
  return value
}

function spoken(channel: Channel): Shape {
  return object({ type: word, audio: sound, transcript: text(channel) })
}

const image = object({ type: word, image_url: imageUrl, detail: word }, ['image_url'])

function message(channel: Channel, parts: Readonly<Record<string, Shape>>): Shape {
  const content = concatenated(list(variants('type', parts)))
  return messageShape(
    channel,
    object({ type: word, id: name, object: word, status: word, role: word, content }, ['role', 'content']),
  )
}

const said = { input_text: textPart('user'), text: textPart('user') }
const anyMessage = variants('role', {
  system: message('system', { input_text: textPart('system'), text: textPart('system') }),
  user: message('user', { ...said, input_audio: spoken('user'), input_image: image }),
  assistant: message('assistant', {
    output_text: textPart('assistant'),
    text: textPart('assistant'),
    output_audio: spoken('assistant'),
    audio: spoken('assistant'),
  }),
})

const called = { type: word, id: name, object: word, status: word, call_id: name }

/** An item of a conversation. */
export const item: Shape = variants('type', {
  message: anyMessage,
  function_call: toolCall(
    object({ ...called, name, arguments: text('assistant') }, ['call_id', 'name', 'arguments']),
    'call_id',
  ),
  function_call_output: toolResult(
    object({ ...called, output: text('tool') }, ['call_id', 'output']),
    'call_id',
  ),
})
