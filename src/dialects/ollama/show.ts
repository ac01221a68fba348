/**
 * `/api/show` without the system prompt, paths, example messages, and the prompt format unless a role may send one
 * (`allow: [template]`). A notice replaces what is withheld, or `ollama show` would claim that there is none.
 */
import { isObject, type JsonObject, pick, stringOf } from '../../core/json.ts'
import type { Usage } from '../../core/usage.ts'
import { bodyReader } from '../common/body-reader.ts'
import { readFrame, schema } from '../common/response-schema.ts'
import { flag, modelName, object } from '../common/shape.ts'
import { Transcript } from '../common/transcript.ts'
import {
  type Exchange,
  type ModelNames,
  namesOf,
  type Outgoing,
  type PrepareOptions,
  type Prompt,
  type ResponseReader,
} from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'

// Ollama's own command sends both names, one of them empty; `model` goes first.
const request = object({ model: modelName, name: modelName, verbose: flag })

const readShow: Exchange['read'] = bodyReader(request, 'never', (notes, body) => {
  // Hands the right over to `prepareShow`, which builds the body that is sent.
  body.template = notes.allowed.has('template')
})

function prepareShow(prompt: Prompt, orders: PrepareOptions): Outgoing {
  const { verbose, template } = prompt.body
  const body = { model: orders.model, verbose: verbose === true }
  const reader = new ShowResponseReader(namesOf(prompt, orders), template === true)
  return { body, outputTokens: 0, clamped: [], dropped: prompt.dropped, reader }
}

/** The route `/api/show`. */
export const showRoute = {
  kind: 'exchange',
  method: 'POST',
  path: '/api/show',
  servers: ['ollama', 'localai'],
  group: 'models',
  cost: 'probe',
  read: readShow,
  prepare: prepareShow,
} as const satisfies Exchange

const shown = [
  'license',
  'parameters',
  'details',
  'model_info',
  'projector_info',
  'capabilities',
  'modified_at',
]
const ofModel = schema({
  error: 'any',
  details: 'any',
  parameters: 'any',
  template: 'any',
  system: 'any',
  modelfile: 'any',
})
const byTemplate = 'withheld by the gateway. Roles with `allow: [template]` see it.'

class ShowResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  readonly usage: Usage | undefined
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #hasTemplate: boolean

  constructor(names: ModelNames, hasTemplate: boolean) {
    this.#names = names
    this.#hasTemplate = hasTemplate
  }

  frame(frame: Frame): Frame | undefined {
    const model = readFrame(frame, ofModel)
    this.state = !model || model.error !== undefined ? 'failed' : 'ended'
    if (!model || this.state === 'failed') return undefined
    const told = { ...pick(withoutParent(model), shown), ...this.#file(model) }
    return { data: JSON.stringify(told) }
  }

  /** A field stays absent where the server has nothing in it. */
  #file(model: JsonObject): JsonObject {
    const { template, system, modelfile } = model
    const file: JsonObject = {}
    if (template) file.template = this.#hasTemplate ? template : `The prompt format is ${byTemplate}`
    if (system) file.system = 'The system prompt is withheld by the gateway.'
    if (modelfile)
      file.modelfile = this.#hasTemplate ? this.#modelfile(model) : `# The model's file is ${byTemplate}`
    return file
  }

  /** Made anew: in the server's own are paths and the system prompt. */
  #modelfile({ template, parameters }: JsonObject): string {
    const text = stringOf(template)
    const lines = stringOf(parameters).split('\n').filter(Boolean)
    return [
      '# Made by the gateway, which withholds paths and the system prompt.',
      `FROM ${this.#names.asked}`,
      ...(text === '' ? [] : [`TEMPLATE """${text}"""`]),
      ...lines.map((line) => `PARAMETER ${line.replace(/\s+/, ' ')}`),
      '',
    ].join('\n')
  }
}

/** What a model was made from is a path, or a name that this caller may not know. */
function withoutParent(line: JsonObject): JsonObject {
  if (!isObject(line.details)) return line
  const { parent_model: _, ...details } = line.details
  return { ...line, details }
}
