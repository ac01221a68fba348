/**
 * What a wire dialect is: the routes it declares, how a body becomes a `Prompt`, how the answer is read, and
 * the shape of its errors. Everything else in Torwart is the same for every dialect.
 *
 * There is no "not supported for scanning": `read` returns every text that can reach the model or refuses.
 */
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { Refusal, RefusalCode } from '../core/refusal.ts'
import type { ServerKind } from '../core/servers.ts'
import type { Text } from '../core/text.ts'
import type { Usage } from '../core/usage.ts'
import type { KeepAliveCap } from './common/caps.ts'
import type { FilteredFrames, OutputFilter, SettledVerdict } from './common/output-filter.ts'
import type { Frame, Framing } from './framing/framing.ts'

/** What a role's `routes` names. */
export const routeGroups = [
  'chat',
  'completions',
  'embeddings',
  'models',
  'rerank',
  'tokenize',
  'moderations',
  'audio',
  'images',
  'admin',
] as const
export type RouteGroup = (typeof routeGroups)[number]

/** What goes around the prompt format or cannot be read by any guard: refused, unless a role's `allow` names it. */
export const features = ['raw', 'template', 'context', 'mediaUrls', 'webSearch'] as const
export type Feature = (typeof features)[number]

/** A file of a form, held in memory. */
export interface Upload {
  /** Without a path; only what follows its last dot is the caller's. */
  readonly name: string
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** An error as a caller may see it. */
export interface PublicError {
  readonly code: RefusalCode
  readonly status: number
  readonly message: string
  /** The request's, for dialects whose errors carry it. */
  readonly id: string
  /** What a client of this dialect needs to go on by itself. */
  readonly details: JsonObject | undefined
}

export function toPublicError(refusal: Refusal, id: string): PublicError {
  const { code, status, say: message, details } = refusal
  return { code, status, message, id, details }
}

export interface Dialect {
  readonly name: string
  /** Paths under this prefix that nobody declares are refused in this dialect's shape. */
  readonly prefix: string
  readonly endpoints: readonly Endpoint[]
  /** Paths that clients ask for and that are not here, each with a sentence that says why and what to do. */
  readonly absent?: Readonly<Record<string, string>>
  /** A second header for the request's id, where this dialect's clients look for it. */
  readonly idHeader?: string
  /**
   * What may be sent between the server-sent events of its streams, so that nobody takes a pause for the end. Absent: its
   * streams have no such thing.
   */
  readonly keepAlive?: string
  /** The body of an error that is sent instead of an answer. */
  errorBody(error: PublicError): JsonObject
}

export type Endpoint = Exchange | Listing | Greeting | StoredResponse

interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  /** The exact path; a `:model`, `:digest` or `:id` at its end is the one parameter there is. */
  readonly path: string
  readonly group: RouteGroup
  /** `request` counts against `requestsPerMinute`, `probe` against `probesPerMinute`. */
  readonly cost: 'request' | 'probe'
  /** What a caller is told whose role does not have it, where more can be said than that. */
  readonly denied?: string
  /** Which servers have this route. Absent: all of them. */
  readonly servers?: readonly ServerKind[]
}

/** Whether this kind of server has the route. */
export function isServedBy({ servers }: Pick<Route, 'servers'>, kind: ServerKind): boolean {
  return servers?.includes(kind) ?? true
}

/** A JSON body goes to the model server, its answer comes back frame by frame. */
export interface Exchange extends Route {
  readonly kind: 'exchange'
  /** The server's path, if it is another than the caller's. */
  readonly serverPath?: string
  /** The body is `multipart/form-data` with one `file`; its other fields are read as an object of strings. */
  readonly form?: true
  /** The body is a file that goes on as it comes, past every reader; it is called by the path's parameter. */
  readonly upload?: true
  /** @throws Refusal `invalid_request` for whatever is ambiguous, dangerous or cannot be read */
  read(body: JsonObject, allowed: ReadonlySet<Feature>): Prompt
  /** Puts the model's canonical name and the role's caps into the fresh body: what comes back is ready to go. */
  prepare(prompt: Prompt, orders: PrepareOptions): Outgoing
  /** For what no model server answers: the gate does, from an estimate of the prompt's tokens. */
  readonly answer?: (inputTokens: number) => JsonObject
}

/** A list of which the caller sees what it may use, or a fact about the servers. */
export interface Listing extends Route {
  readonly kind: 'listing'
  /** What each model server is asked; the caller's words never go into a path. */
  readonly serverPath: string
  /** Its entries do not say which models are on another host: an Ollama's own list must be asked for that. */
  readonly omitsRemoteHosts?: true
  /**
   * What the caller sees of the servers' answers, in the policy's order; undefined: nothing.
   * Throws if an answer is not what it should be.
   */
  show(answers: readonly ListAnswer[], asked: string): JsonValue | undefined
}

/** What one server said. */
export interface ListAnswer {
  readonly body: JsonValue
  mayUse(model: string): boolean
  /** Whether a name of the list is the model of the path. */
  isAsked(model: string): boolean
}

/** What a list of one server becomes when several answer: every entry once, the first server's before the second's. */
export function mergeEntries(
  answers: readonly ListAnswer[],
  entriesOf: (answer: ListAnswer) => readonly JsonObject[],
  key: string,
): JsonObject[] {
  const entries = new Map<JsonValue | undefined, JsonObject>()
  for (const answer of answers)
    for (const entry of entriesOf(answer)) if (!entries.has(entry[key])) entries.set(entry[key], entry)
  return [...entries.values()]
}

/** An answer that the server has kept, by its id. */
export interface StoredResponse extends Route {
  readonly kind: 'kept'
  /** The server's path. @param id one that the server itself gave */
  serverPath(id: string): string
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
  /** Which calls the tool results say they belong to. */
  readonly results: readonly ToolResult[]
  /** Parts of the body that hold a document's text, as `text`. */
  readonly documents: readonly JsonObject[]
  readonly counts: Counts
  /** What goes to the model and no guard reads: `images`, `context` … */
  readonly unread: readonly string[]
  /** Paths of fields that were left out. These are the caller's words: mask before writing them anywhere. */
  readonly dropped: readonly string[]
  /** Of those, what the caller must be told: types of tools, as the published APIs name them. */
  readonly leftOut?: readonly string[]
  /** Names of parameters that were lowered while reading. */
  readonly clamped: readonly string[]
  readonly body: JsonObject
  /** Of a form. */
  readonly file?: Upload
  /** Of an upload: its bytes, as they arrive. */
  readonly uploadStream?: AsyncIterable<Uint8Array>
  /** The kept answer whose conversation goes on. */
  readonly previousResponseId?: string
  /** Further models that are named, as the caller wrote them. */
  readonly others?: readonly string[]
}

/** What a tool result says it answers: a call by its id, or, where the API has none, a tool by its name. */
export type ToolResult = { readonly call: string } | { readonly tool: string }

/** How much there is of what a role's caps bound. */
export interface Counts {
  readonly images: number
  /** Decoded, of all images together. */
  readonly imageBytes: number
  /** Texts to be made into vectors. */
  readonly inputs: number
  readonly stops: number
  /** Characters of the largest answer format. */
  readonly schema: number
}

/** The model under both of its names. */
export function namesOf(prompt: Prompt, orders: PrepareOptions): ModelNames {
  return { asked: prompt.model, served: orders.model }
}

/** What the model's own file sets of what caps are about; undefined where it sets nothing, or does not tell. */
export interface ModelParameters {
  readonly numPredict?: number | undefined
  readonly numCtx?: number | undefined
}

/** What policy decides about a prompt. */
export interface PrepareOptions {
  /** Canonical. */
  readonly model: string
  /** Those of `Prompt.others`, canonical. */
  readonly others: readonly string[]
  readonly server: ServerKind
  /** What holds for this model where the body is silent. */
  readonly modelDefaults: ModelParameters
  /** The most tokens the answer may have. */
  readonly outputTokens: number
  /** The most tokens of context. */
  readonly contextTokens: number
  /** The most answers to one prompt. */
  readonly choices: number
  readonly keepAlive: KeepAliveCap
  /** Whether the model may be offered this tool. Absent: every tool. */
  readonly mayCall?: ((name: string) => boolean) | undefined
  /** How tool results and documents are marked as data. Absent: they are not. */
  readonly spotlighting?: Spotlighting | undefined
}

export interface Spotlighting {
  /** Random, made for this request when its texts were known, and in none of them. */
  readonly tag: string
  /** Whether blanks are replaced, too. */
  readonly datamark: boolean
}

export interface Outgoing {
  readonly body: JsonObject
  /** Where this one goes, if not where all of its route do. */
  readonly serverPath?: string
  /** The most tokens the answer can have now; 0 where nothing is generated. */
  readonly outputTokens: number
  /** Parameters that were lowered. */
  readonly clamped: readonly string[]
  /** Paths of fields that were left out, with those of `Prompt.dropped`. */
  readonly dropped: readonly string[]
  /** What the caller must be told that it was left out; a strict role is refused instead. */
  readonly leftOut?: readonly string[]
  /** How many texts were marked as data. Absent: none. */
  readonly marked?: number
  /** Reads the one answer to this body. */
  readonly reader: ResponseReader
}

/** The name a caller used and the one the server knows; answers carry the former. */
export interface ModelNames {
  readonly asked: string
  readonly served: string
}

export interface ToolCall {
  /** By which the caller will name its result; not every server gives one. */
  readonly id?: string
  readonly name: string
  readonly arguments: string
  /** Given any text, which is no JSON even where it looks like some. */
  readonly isFreeForm?: true
}

/** The id that a server gave a call, if it is one. */
export function optionalId(id: JsonValue | undefined): { id?: string } {
  return typeof id === 'string' && id !== '' ? { id } : {}
}

/**
 * Reads one answer. `frame` hands every text of a frame to the passage and returns what the client gets in its place,
 * or undefined for nothing; `state` says how far the answer has come:
 * `open` → `finished` (the model is done, only bookkeeping follows) → `ended` (the end mark was seen),
 * or `failed`: the server said that it failed, and `frame` returned nothing.
 */
export interface ResponseReader {
  readonly state: 'open' | 'finished' | 'ended' | 'failed'
  frame(frame: Frame, filter: OutputFilter): FilteredFrames
  /** Complete calls that the last frame brought, kept with it until each was judged; then `resume` says what leaves. */
  readonly waiting?: readonly ToolCall[]
  /** @param verdicts one for each call that waits */
  resume?(verdicts: readonly SettledVerdict[], filter: OutputFilter): FilteredFrames
  /** Whether what it says is nothing that a guard could read: sound. */
  readonly isUnread?: true
  /** How this answer comes, where its content type alone does not say. */
  framing?(contentType: string): Framing
  /** The last frame of an answer that is cut, where it is more than the error's body. */
  errorFrame?(error: PublicError): Frame
  readonly usage: Usage | undefined
  /** Code units of frames that it keeps to itself. Absent: none. */
  readonly held?: number
  /** The id under which the server may keep this answer. */
  readonly storedId?: string | undefined
  /** What was said and called so far, for the record. */
  readonly transcript: {
    readonly text: string
    readonly toolCalls: readonly ToolCall[]
    /** Code units of both. */
    readonly size: number
    /** There was more than is kept of one answer. */
    readonly truncated: boolean
    /** There is a tool call, and it is complete. */
    readonly called: boolean
  }
}
