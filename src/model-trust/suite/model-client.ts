/**
 * Asks a model one prompt, through the chat completions that Ollama, LocalAI and every OpenAI-compatible server have. Each
 * answer is read whole; the caller bounds its size and time.
 */
import { isObject, type JsonObject, type JsonValue, objectsIn, stringOf } from '../../core/json.ts'
import type { Answer } from './observe.ts'
import type { OfferedTool } from './suite.ts'

/** Posts JSON to the model server. @throws if there is no answer within the time */
export type AskModel = (
  path: string,
  question: JsonObject,
  withinMs: number,
) => Promise<{ readonly status: number; readonly body: JsonValue | undefined }>

/** What is asked. */
export interface Question {
  readonly model: string
  readonly system: string | undefined
  readonly prompt: string
  readonly tools: readonly OfferedTool[]
  readonly temperature: number
  readonly seed: number
  readonly maxTokens: number
  readonly wantsLogprobs: boolean
}

/** An answer, with what the server tells of how it came to be. */
export interface MeasuredAnswer extends Answer {
  /** Mean, least and first logarithm of the probabilities of its tokens, and their spread; undefined: not told. */
  readonly logprobs: readonly number[] | undefined
}

/** The model server gave no usable answer. */
export class ModelFault extends Error {
  override readonly name = 'ModelFault'
  /** Whether asking again is pointless: the server understood, and said no. */
  readonly isFinal: boolean

  constructor(message: string, isFinal: boolean) {
    super(message)
    this.isFinal = isFinal
  }
}

/** Asks one question. @throws ModelFault */
export async function askModel(ask: AskModel, question: Question, withinMs: number): Promise<MeasuredAnswer> {
  const { status, body } = await post(ask, '/v1/chat/completions', chatBody(question), withinMs)
  if (status !== 200) throw faultOf(status)
  const [choice] = objectsIn(isObject(body) ? body.choices : undefined)
  const message = choice?.message
  if (choice === undefined || !isObject(message))
    throw new ModelFault('the server sent an answer that is none', false)
  return {
    text: stringOf(message.content),
    calls: objectsIn(message.tool_calls).map(({ function: called }) => ({
      name: stringOf(isObject(called) ? called.name : undefined),
      arguments: stringOf(isObject(called) ? called.arguments : undefined),
    })),
    isDeclined: stringOf(message.refusal) !== '' || choice.finish_reason === 'content_filter',
    logprobs: logprobsIn(choice.logprobs),
  }
}

/** Returns a text's embedding. @throws ModelFault */
export async function embed(
  ask: AskModel,
  model: string,
  text: string,
  withinMs: number,
): Promise<readonly number[]> {
  const { status, body } = await post(ask, '/v1/embeddings', { model, input: text || ' ' }, withinMs)
  if (status !== 200) throw faultOf(status)
  const [entry] = objectsIn(isObject(body) ? body.data : undefined)
  const vector = entry?.embedding
  if (!Array.isArray(vector) || vector.length === 0 || vector.length > maxDimensions)
    throw new ModelFault('the server sent an embedding that is none', true)
  return vector.map((value) => round(Number(value)))
}

const maxDimensions = 8192

async function post(ask: AskModel, path: string, question: JsonObject, withinMs: number) {
  try {
    return await ask(path, question, withinMs)
  } catch {
    // What went wrong may name an address; the operator knows which server it is.
    throw new ModelFault('the model server does not answer', false)
  }
}

function faultOf(status: number): ModelFault {
  const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429
  return new ModelFault(`the model server answers with status ${status}`, isFinal)
}

function chatBody(question: Question): JsonObject {
  const { model, system, prompt, tools, temperature, seed, maxTokens } = question
  return {
    model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: prompt },
    ],
    temperature,
    seed,
    max_tokens: maxTokens,
    stream: false,
    ...(question.wantsLogprobs ? { logprobs: true } : {}),
    ...(tools.length === 0 ? {} : { tools: tools.map(toolBody) }),
  }
}

function toolBody({ name, description, parameters }: OfferedTool): JsonObject {
  // A cast: the parameters were read from YAML, which has no values that JSON has not.
  return { type: 'function', function: { name, description, parameters: parameters as JsonObject } }
}

function logprobsIn(told: JsonValue | undefined): readonly number[] | undefined {
  const values = objectsIn(isObject(told) ? told.content : undefined).flatMap(({ logprob }) =>
    typeof logprob === 'number' && Number.isFinite(logprob) ? logprob : [],
  )
  const [first] = values
  if (first === undefined) return undefined
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length
  const spread = Math.sqrt(values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / values.length)
  const least = values.reduce((lowest, each) => Math.min(lowest, each), 0)
  return [mean, least, first, spread].map(round)
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
