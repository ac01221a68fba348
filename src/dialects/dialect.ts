/**
 * What a wire dialect is: the routes it declares, how a body becomes a `Prompt`, how the answer is read, and
 * the shape of its errors. Everything else in Torwart is the same for every dialect.
 *
 * There is no "not supported for scanning": `read` returns every text that can reach the model or refuses.
 */
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { RefusalCode } from '../core/refusal.ts'
import type { Text } from '../core/text.ts'
import type { Usage } from '../core/usage.ts'

/** What a role's `routes` names. */
export const routeGroups = ['chat', 'completions', 'embeddings', 'models'] as const
export type RouteGroup = (typeof routeGroups)[number]

/** One unit of an answer: a line, an event or the whole. `event` is the name of a server-sent one. */
export interface Frame {
  readonly event?: string | undefined
  readonly data: string
}

/** An error as a caller may see it. */
export interface PublicError {
  readonly code: RefusalCode
  readonly status: number
  readonly message: string
}

export interface Dialect {
  readonly name: string
  /** Paths under this prefix that nobody declares are refused in this dialect's shape. */
  readonly prefix: string
  readonly endpoints: readonly Endpoint[]
  /** The body of an error that is sent instead of an answer. */
  errorBody(error: PublicError): JsonObject
}

export type Endpoint = Exchange | Listing | Greeting

interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** The exact path; a `:model` at its end is the one parameter there is. */
  readonly path: string
  readonly group: RouteGroup
  /** `request` counts against `requestsPerMinute`, `probe` against `probesPerMinute`. */
  readonly cost: 'request' | 'probe'
}

/** POST: a JSON body goes to the model server, its answer comes back frame by frame. */
export interface Exchange extends Route {
  readonly kind: 'exchange'
  /** @throws Refusal `invalid_request` for whatever is ambiguous, dangerous or cannot be read */
  read(body: JsonObject): Prompt
  /** Puts the model's canonical name and the role's caps into the fresh body: what comes back is ready to go. */
  prepare(prompt: Prompt, orders: Orders): Outgoing
}

/** GET: a list of which the caller sees what it may use, or a fact about the server. */
export interface Listing extends Route {
  readonly kind: 'listing'
  /** What the model server is asked; the caller's words never go into a path. */
  readonly source: string
  /** What the caller sees of the server's answer; undefined: nothing. Throws if the answer is not what it should be. */
  filter(answer: JsonValue, view: View): JsonValue | undefined
}

export interface View {
  mayUse(model: string): boolean
  /** The model of the path, and whether a name of the list is that model. */
  readonly asked: string
  isAsked(model: string): boolean
}

/** `/`, which the gate answers itself. */
export interface Greeting extends Route {
  readonly kind: 'greeting'
  /** What the server behind the gate would say. */
  readonly text: string
}

/** What was read from a body. `body` is fresh: built from known fields, holding nothing that was not judged. */
export interface Prompt {
  readonly model: string
  readonly stream: boolean
  /** Every text that can reach the model, in order. */
  readonly texts: readonly Text[]
  readonly tools: readonly string[]
  readonly images: number
  /** Paths of fields that were left out. These are the caller's words: mask before writing them anywhere. */
  readonly dropped: readonly string[]
  /** Names of parameters that were lowered while reading. */
  readonly clamped: readonly string[]
  readonly body: JsonObject
}

/** The model under both of its names. */
export function namesOf(prompt: Prompt, orders: Orders): ModelNames {
  return { asked: prompt.model, served: orders.model }
}

/** What policy decides about a prompt. */
export interface Orders {
  /** Canonical. */
  readonly model: string
  /** The most tokens the answer may have. */
  readonly outputTokens: number
  /** The most tokens of context. */
  readonly contextTokens: number
}

export interface Outgoing {
  readonly body: JsonObject
  /** The most tokens the answer can have now; 0 where nothing is generated. */
  readonly outputTokens: number
  /** Parameters that were lowered. */
  readonly clamped: readonly string[]
  /** Reads the one answer to this body. */
  readonly reader: AnswerReader
}

/** The name a caller used and the one the server knows; answers carry the former. */
export interface ModelNames {
  readonly asked: string
  readonly served: string
}

export interface ToolCall {
  readonly name: string
  readonly arguments: string
}

/**
 * Reads one answer. `frame` returns what the client gets in a frame's place, or undefined for nothing;
 * `state` says how far the answer has come:
 * `open` → `finished` (the model is done, only bookkeeping follows) → `ended` (the end mark was seen),
 * or `failed`: the server said that it failed, and `frame` returned nothing.
 */
export interface AnswerReader {
  readonly state: 'open' | 'finished' | 'ended' | 'failed'
  frame(frame: Frame): Frame | undefined
  readonly usage: Usage | undefined
  /** What was said and called so far, for the record. */
  readonly transcript: {
    readonly text: string
    readonly toolCalls: readonly ToolCall[]
    /** There was more than is kept of one answer. */
    readonly truncated: boolean
  }
}
