/**
 * What LocalAI v4.9 has beside chat, completions and embeddings: rankings, tokens, moderations, speech, images. Its other
 * routes (model galleries, backends, agents, settings, stores …) do not exist at the gateway.
 *
 * Special cases: `backend`, `grammar` and `metadata` reach its internals, so they are not among the fields. Images come as
 * links to itself unless requested in base64, so they are.
 */
import type { JsonObject } from '../../core/json.ts'
import { bodyReader } from '../common/body-reader.ts'
import { capSize } from '../common/caps.ts'
import {
  integer,
  invalid,
  list,
  modelName,
  type ObjectShape,
  object,
  oneOrMany,
  real,
  type Shape,
  text,
  word,
} from '../common/shape.ts'
import {
  type Dialect,
  type Exchange,
  type ModelNames,
  namesOf,
  type PublicError,
  type ResponseReader,
} from '../dialect.ts'
import { DocumentResponseReader } from './document-response.ts'
import { SpeechResponseReader } from './speech-response.ts'

/** Pixels of one side; the cost grows with both. */
const maxSide = 2048
const pictureSize: Shape = (value, at) => {
  const sides = typeof value === 'string' ? /^(\d{1,4})x(\d{1,4})$/.exec(value) : null
  return sides && Math.max(Number(sides[1]), Number(sides[2])) <= maxSide
    ? value
    : invalid(`\`${at}\` must be WIDTHxHEIGHT, each at most ${maxSide}.`)
}

const rerank = object(
  { model: modelName, query: text('user'), documents: list(text('document')), top_n: integer(1, 4096) },
  ['model', 'query', 'documents'],
)
const tokenize = object({ model: modelName, content: text('user') }, ['model', 'content'])
const moderations = object({ model: modelName, input: oneOrMany(text('user')) }, ['model', 'input'])
const speech = object(
  {
    model: modelName,
    input: text('user'),
    instructions: text('user'),
    voice: word,
    language: word,
    response_format: word,
    speed: real,
  },
  ['model', 'input'],
)
const images = object(
  {
    model: modelName,
    prompt: text('user'),
    n: integer(1, 128),
    size: pictureSize,
    quality: word,
    style: word,
    step: integer(1, 100),
  },
  ['model', 'prompt'],
)

/** Declares a route. @param fixed fields that every request gets */
function route(
  path: string,
  group: Exchange['group'],
  shape: ObjectShape,
  reader: new (names: ModelNames) => ResponseReader,
  fixed: JsonObject = {},
): Exchange {
  return {
    kind: 'exchange',
    method: 'POST',
    path,
    group,
    cost: 'request',
    servers: ['localai', 'openai'],
    read: bodyReader(shape, 'never'),
    prepare(prompt, orders) {
      const clamped: string[] = []
      const body = { ...prompt.body, ...fixed, model: orders.model }
      capSize(body, 'n', orders.choices, clamped)
      const { dropped } = prompt
      return { body, outputTokens: 0, clamped, dropped, reader: new reader(namesOf(prompt, orders)) }
    },
  }
}

/** LocalAI's errors have the status as `code`. */
function errorBody({ status, message }: PublicError): JsonObject {
  return { error: { code: status, message, type: status < 500 ? 'invalid_request_error' : 'server_error' } }
}

/** The routes that only LocalAI has. */
export const localai: Dialect = {
  name: 'localai',
  prefix: '/tts',
  errorBody,
  endpoints: [
    route('/v1/rerank', 'rerank', rerank, DocumentResponseReader),
    route('/v1/tokenize', 'tokenize', tokenize, DocumentResponseReader),
    route('/v1/moderations', 'moderations', moderations, DocumentResponseReader),
    route('/v1/images/generations', 'images', images, DocumentResponseReader, {
      response_format: 'b64_json',
    }),
    route('/v1/audio/speech', 'audio', speech, SpeechResponseReader),
    route('/tts', 'audio', speech, SpeechResponseReader),
  ],
}
