/**
 * `POST /v1/audio/transcriptions`, a form with an audio file, which both model servers have. No guard reads the file. The
 * servers put prompt and language into the system prompt: the prompt is scanned, the language must be a plain code.
 */

import { bodyReader } from '../common/body-reader.ts'
import { matching, modelName, object, text } from '../common/shape.ts'
import { type Dialect, namesOf } from '../dialect.ts'
import { openaiError } from '../openai/request.ts'
import { DocumentResponseReader } from './document-response.ts'

const language = matching(/^[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?$/, 'a language code')
const temperature = matching(/^\d(?:\.\d{1,6})?$/, 'a number')
const format = matching(/^(?:json|text|srt|vtt|verbose_json)$/, 'one of json, text, srt, vtt, verbose_json')

const fields = object(
  { model: modelName, language, prompt: text('user'), response_format: format, temperature },
  ['model'],
)

const read = bodyReader(fields, 'never', (notes) => notes.unread.add('audio'))

/** Transcription of audio, in OpenAI's shape (platform.openai.com/docs/api-reference/audio). */
export const transcriptions: Dialect = {
  name: 'transcriptions',
  prefix: '/v1/audio/transcriptions',
  errorBody: openaiError,
  endpoints: [
    {
      kind: 'exchange',
      method: 'POST',
      path: '/v1/audio/transcriptions',
      group: 'audio',
      cost: 'request',
      form: true,
      read,
      prepare: (prompt, orders) => ({
        body: { ...prompt.body, model: orders.model },
        outputTokens: 0,
        clamped: [],
        dropped: prompt.dropped,
        reader: new DocumentResponseReader(namesOf(prompt, orders)),
      }),
    },
  ],
}
