/**
 * Routes that change the models of an Ollama (v0.33, `server/routes.go`): pull, push, create, copy, delete, blobs. Only
 * for roles with the route group `admin`. Every model that a request names must be one the role may use, from a registry
 * it may reach.
 *
 * Special cases: `insecure` would fetch a model without TLS, `remote_host` would create a local name for a model on
 * another host, and `modelfile` and `path` would read the server's disk, so all of them are refused. The prompts in a
 * created model (system, template, messages) are scanned like any prompt.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { bodyReader } from '../common/body-reader.ts'
import { capCount, capSize } from '../common/caps.ts'
import {
  flag,
  invalid,
  list,
  matching,
  modelName,
  never,
  type ObjectShape,
  object,
  oneOrMany,
  type Shape,
  text,
  word,
} from '../common/shape.ts'
import type { Exchange, Outgoing, PrepareOptions, Prompt } from '../dialect.ts'
import { anyMessage, options } from './fields.ts'
import { EmptyResponseReader, ProgressReader } from './progress.ts'

/** The server reads `model`, and `name` if that is empty; clients send either, or one of them empty. */
const named = { model: modelName, name: modelName }
const registry = {
  insecure: never('`insecure` is not allowed. Models are fetched over TLS only.'),
  username: never('`username` is not allowed.'),
  password: never('`password` is not allowed.'),
}

const digestForm = /^sha256[:-][0-9a-f]{64}$/
const digest = matching(digestForm, 'a sha256 digest')
const fileName = /^[\w.-]{1,255}$/

/** Maps file names to digests of uploaded blobs. */
const files: Shape = (value, at, notes) => {
  if (!isObject(value)) return invalid(`\`${at}\` must be an object.`)
  for (const [file, blob] of Object.entries(value)) {
    const sound = fileName.test(file) && typeof blob === 'string' && digestForm.test(blob)
    if (!sound) return invalid(`\`${at}\` must name files by their sha256 digests.`)
    notes.name(file)
  }
  return { ...value }
}

const noRemote = never('A model on another host is not allowed.')
const noDisk = never('`modelfile` and `path` are not allowed. Send the contents of the file as fields.')

const pull = object({ ...named, ...registry, stream: flag })
const push = pull
const remove = object(named)
const newName = matching(/./s, "a model's name")
const copy = object({ source: modelName, destination: newName }, ['source', 'destination'])
const create = object({
  ...named,
  from: modelName,
  files,
  adapters: files,
  template: text('system'),
  license: oneOrMany(text('definition')),
  system: text('system'),
  parameters: options,
  messages: list(anyMessage),
  quantize: word,
  quantization: word,
  renderer: word,
  parser: word,
  stream: flag,
  remote_host: noRemote,
  remote_model: noRemote,
  modelfile: noDisk,
  path: noDisk,
})

/** Makes the reader of a route. @param other the field that names a second model, which is recorded as requested */
function reader(shape: ObjectShape, other?: string): Exchange['read'] {
  const secondOf = (body: JsonObject) => (other === undefined ? '' : String(body[other] ?? ''))
  const read = bodyReader(shape, 'unless told not to', (notes, body) => notes.name(secondOf(body)))
  return (body, allowed) => {
    const prompt = read(body, allowed)
    const second = secondOf(prompt.body)
    return second === '' ? prompt : { ...prompt, others: [second] }
  }
}

function outgoing(prompt: Prompt, body: JsonObject, reader: Outgoing['reader']): Outgoing {
  return { body, outputTokens: 0, clamped: prompt.clamped, dropped: prompt.dropped, reader }
}

function prepare(prompt: Prompt, { model, others, outputTokens, contextTokens }: PrepareOptions): Outgoing {
  const { name: _, ...body } = prompt.body
  const from: JsonValue | undefined = others[0]
  const clamped: string[] = []
  // Parameters of a model hold for every request that does not set them.
  if (isObject(body.parameters)) {
    capSize(body.parameters, 'num_ctx', contextTokens, clamped)
    if (body.parameters.num_predict !== undefined)
      capCount(body.parameters, 'num_predict', outputTokens, clamped)
  }
  return outgoing(
    { ...prompt, clamped },
    { ...body, model, ...(from === undefined ? {} : { from }) },
    new ProgressReader(),
  )
}

const readCopy = reader(copy, 'destination')
const post = {
  kind: 'exchange',
  method: 'POST',
  group: 'admin',
  cost: 'request',
  servers: ['ollama'],
  denied: 'This key may not change the server’s models.',
} as const
// `ollama run` pulls a model that it does not find, so its user reads this.
const notPulled =
  'This key may not pull models. If `ollama run` asked for this, the server does not have the model, or this key may not use it.'
/**
 * A file of a model. No guard can read it: the gateway limits its size and records the upload, and the server compares it
 * with the digest in its name.
 */
const blob = {
  ...post,
  path: '/api/blobs/:digest',
  upload: true,
  read: bodyReader(object({ name: digest }, ['name']), 'never', (notes) => notes.unread.add('blob')),
  prepare: (prompt: Prompt) => ({
    ...outgoing(prompt, {}, new EmptyResponseReader()),
    serverPath: `/api/blobs/${prompt.model}`,
  }),
} as const

/** The routes of the group `admin`. */
export const adminRoutes: readonly Exchange[] = [
  { ...post, path: '/api/pull', denied: notPulled, read: reader(pull), prepare },
  { ...post, path: '/api/push', read: reader(push), prepare },
  { ...post, path: '/api/create', read: reader(create, 'from'), prepare },
  {
    ...post,
    path: '/api/copy',
    read: (body, allowed) => {
      const prompt = readCopy(body, allowed)
      return { ...prompt, model: String(prompt.body.source) }
    },
    prepare: (prompt, { model, others }) =>
      outgoing(prompt, { source: model, destination: others[0] ?? '' }, new EmptyResponseReader()),
  },
  {
    ...post,
    method: 'DELETE',
    path: '/api/delete',
    read: reader(remove),
    prepare: (prompt, { model }) => outgoing(prompt, { model }, new EmptyResponseReader()),
  },
  { ...blob, method: 'HEAD' },
  { ...blob, method: 'POST' },
]
