/**
 * What a wire dialect is: its routes, how a request body becomes a `Prompt`, how a response is read, and the shape of its
 * errors. Everything else in Torwart is the same for every dialect.
 *
 * There is no "not supported for scanning": `read` returns every text that can reach the model, or refuses.
 */
import type { Derived } from '../core/derived.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { Refusal, RefusalCode } from '../core/refusal.ts'
import type { ServerKind } from '../core/servers.ts'
import type { Text } from '../core/text.ts'
import type { Usage } from '../core/usage.ts'
import type { KeepAliveCap } from './common/caps.ts'
import type { FilteredFrames, OutputFilter, SettledVerdict } from './common/output-filter.ts'
import type { Frame, Framing } from './framing/framing.ts'

/** The groups of routes that a role's `routes` names. */
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
  'realtime',
  'admin',
] as const
/** One of `routeGroups`. */
export type RouteGroup = (typeof routeGroups)[number]

/** Features that bypass the prompt format or that no guard can read: refused unless a role's `allow` names them. */
export const features = ['raw', 'template', 'context', 'mediaUrls', 'webSearch'] as const
/** One of `features`. */
export type Feature = (typeof features)[number]

/** The file of a multipart form, held in memory. */
export interface Upload {
  /** `upload`, with the extension that the caller gave. */
  readonly name: string
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** An error as the caller sees it. */
export interface PublicError {
  readonly code: RefusalCode
  readonly status: number
  readonly message: string
  /** The id of the request, for dialects whose errors carry it. */
  readonly id: string
  /** What a client of this dialect needs to recover by itself. */
  readonly details: JsonObject | undefined
}

/** Leaves out of a refusal what only the log may hold. @param id of the request */
export function toPublicError(refusal: Refusal, id: string): PublicError {
  const { code, status, say: message, details } = refusal
  return { code, status, message, id, details }
}

/** One wire API, such as OpenAI's. */
export interface Dialect {
  readonly name: string
  /** Unknown paths with this prefix are refused in this dialect's shape. */
  readonly prefix: string
  readonly endpoints: readonly Endpoint[]
  /** Paths that clients request and that are not offered, each with the reason and the remedy. */
  readonly absent?: Readonly<Record<string, string>>
  /** A second header for the request id, where clients of this dialect look for it. */
  readonly idHeader?: string
  /** What is sent during a pause of a stream, so that no client or proxy times out. Absent: there is no such thing. */
  readonly keepAlive?: string
  /** Returns the body of an error response. */
  errorBody(error: PublicError): JsonObject
}

/** A route, by what answers it. */
export type Endpoint = Exchange | Listing | Greeting | StoredResponse | SessionRoute

interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  /** The exact path. Its only parameter is a `:model`, `:digest` or `:id` at its end. */
  readonly path: string
  readonly group: RouteGroup
  /** `request` counts against `requestsPerMinute`, `probe` against `probesPerMinute`. */
  readonly cost: 'request' | 'probe'
  /** The error message for a role without this route, where there is more to say than that. */
  readonly denied?: string
  /** The kinds of servers that have this route. Absent: all of them. */
  readonly servers?: readonly ServerKind[]
}

/** Tells whether this kind of server has the route. */
export function isServedBy({ servers }: Pick<Route, 'servers'>, kind: ServerKind): boolean {
  return servers?.includes(kind) ?? true
}

/** How an item of a list was read. */
export interface ItemReading {
  /** By what. */
  readonly shape: object
  /** Its path. */
  readonly at: string
  /** The `Notes` of it alone. */
  readonly notes: object
  /** Frozen. */
  readonly value: JsonValue | undefined
}

/** What several bodies of one caller have in common. */
export interface SharedItems {
  has(item: JsonObject): boolean
  /** @returns how an item was read, once it was */
  get(item: JsonObject): ItemReading | undefined
  set(item: JsonObject, reading: ItemReading): void
  /** Returns the one text that stands for these names in all bodies. */
  names(text: string): Text
}

/** A route that sends a body to a model server and reads the response frame by frame. */
export interface Exchange extends Route {
  readonly kind: 'exchange'
  /** The path at the server, if it differs. */
  readonly serverPath?: string
  /** The body is `multipart/form-data` with one `file`; its other fields are read as an object of strings. */
  readonly form?: true
  /** The body is a file, forwarded as it arrives and read by no guard. Its name is the parameter of the path. */
  readonly upload?: true
  /** Which limits it takes up: a slot for as long as a session lives, or tokens within one. Absent: both. */
  readonly takes?: 'slot' | 'tokens'
  /**
   * Reads a body.
   * @param shared items of its lists that earlier bodies had too, with what was read of them
   * @throws Refusal `invalid_request` for whatever is ambiguous, dangerous or unreadable
   */
  read(body: JsonObject, allowed: ReadonlySet<Feature>, shared?: SharedItems): Prompt
  /** Puts the model's canonical name and the role's caps into the fresh body, which is then ready to be sent. */
  prepare(prompt: Prompt, orders: PrepareOptions): Outgoing
  /** Answers without a model server, from an estimate of the prompt's tokens. */
  readonly answer?: (inputTokens: number) => JsonObject
}

/** A route that lists what the servers have, filtered by what the caller may use. */
export interface Listing extends Route {
  readonly kind: 'listing'
  /** The path at each model server. Words of the caller never become part of a path. */
  readonly serverPath: string
  /** The entries do not tell which models are on another host, so Ollama's own list is fetched as well. */
  readonly omitsRemoteHosts?: true
  /**
   * Returns what the caller sees of the servers' lists, which are in the order of the policy; undefined for nothing.
   * @param asked the parameter of the path, or an empty string
   * @throws TypeError if a list has the wrong shape
   */
  show(answers: readonly ServerList[], asked: string): JsonValue | undefined
}

/** The list of one server. */
export interface ServerList {
  readonly body: JsonValue
  mayUse(model: string): boolean
  /** Tells whether a name in the list means the model in the path. */
  isAsked(model: string): boolean
}

/** Merges the lists of several servers: each entry once, those of the first server first. @param key compares entries */
export function mergeEntries(
  answers: readonly ServerList[],
  entriesOf: (answer: ServerList) => readonly JsonObject[],
  key: string,
): JsonObject[] {
  const entries = new Map<JsonValue | undefined, JsonObject>()
  for (const answer of answers)
    for (const entry of entriesOf(answer)) if (!entries.has(entry[key])) entries.set(entry[key], entry)
  return [...entries.values()]
}

/** A route that returns a response which the server has stored, by its id. */
export interface StoredResponse extends Route {
  readonly kind: 'stored'
  /** Returns the path at the server. @param id one that the server itself gave */
  serverPath(id: string): string
}

/** A route that becomes a WebSocket, in which client and server send events until one of them closes it. */
export interface SessionRoute extends Route {
  readonly kind: 'session'
}

/** The route `/`, which the gateway answers itself. */
export interface Greeting extends Route {
  readonly kind: 'greeting'
  /** What the model server would say. */
  readonly text: string
}

/** What was read from a request. `body` is built anew from known fields and holds nothing that was not read. */
export interface Prompt {
  readonly model: string
  readonly stream: boolean
  /** Every text that can reach the model, in order. */
  readonly texts: readonly Text[]
  readonly tools: readonly string[]
  /** Keeps what is made of texts that last; of a body that was read alone there is none. */
  readonly derived?: Derived
  /** What is said of these tools: `name`, description, parameters, as the body holds them. */
  readonly definitions: readonly JsonObject[]
  /** Which calls the tool results answer. */
  readonly results: readonly ToolResult[]
  /** The parts of the body that hold the text of a document, as `text`. */
  readonly documents: readonly JsonObject[]
  readonly counts: Counts
  /** What reaches the model unread by any guard: `images`, `context` … */
  readonly unread: readonly string[]
  /** Paths of fields that were dropped. These are words of the caller: mask them before writing them anywhere. */
  readonly dropped: readonly string[]
  /** What of those the caller is told: types of tools, as the published APIs name them. */
  readonly leftOut?: readonly string[]
  /** Names of parameters that were lowered while the body was read. */
  readonly clamped: readonly string[]
  readonly body: JsonObject
  /** The JSON Schema that the response was asked for by; `true`: any JSON. Absent: it may be any text. */
  readonly answerSchema?: JsonObject | true
  /** The file of a form. */
  readonly file?: Upload
  /** The bytes of an upload, as they arrive. */
  readonly uploadStream?: AsyncIterable<Uint8Array>
  /** The id of the stored response whose conversation continues. */
  readonly previousResponseId?: string
  /** Whom the caller says it is from, as it wrote it. Absent: it does not say. */
  readonly person?: JsonValue
  /** Further models that the request names, as the caller wrote them. */
  readonly others?: readonly string[]
}

/** What a tool result answers: a call by its id or, where the API has no ids, a tool by its name. */
export type ToolResult = { readonly call: string } | { readonly tool: string }

/** How much a request has of what a role's caps limit. */
export interface Counts {
  readonly images: number
  /** Of all images together, decoded. */
  readonly imageBytes: number
  /** Texts to be embedded. */
  readonly inputs: number
  readonly stops: number
  /** Characters of the largest JSON Schema for the response. */
  readonly schema: number
}

/** Returns the requested and the served name of the model. */
export function namesOf(prompt: Prompt, orders: PrepareOptions): ModelNames {
  return { asked: prompt.model, served: orders.model }
}

/** Parameters that the model's own file sets; undefined where it sets none or the server does not tell. */
export interface ModelParameters {
  readonly numPredict?: number | undefined
  readonly numCtx?: number | undefined
}

/** What the policy decides about a prompt before it is sent. */
export interface PrepareOptions {
  /** Canonical. */
  readonly model: string
  /** The names of `Prompt.others`, canonical. */
  readonly others: readonly string[]
  readonly server: ServerKind
  /** What holds for this model where the body sets nothing. */
  readonly modelDefaults: ModelParameters
  /** The cap on tokens of the response. */
  readonly outputTokens: number
  /** The cap on tokens of context. */
  readonly contextTokens: number
  /** The cap on choices for one prompt. */
  readonly choices: number
  readonly keepAlive: KeepAliveCap
  /** Tells whether the model may be offered this tool. Absent: every tool. */
  readonly mayCall?: ((name: string) => boolean) | undefined
  /** How tool results and documents are marked as data. Absent: they are not marked. */
  readonly spotlighting?: Spotlighting | undefined
}

/** How untrusted text is marked (Hines et al. 2024, arXiv:2403.14720). */
export interface Spotlighting {
  /** A random tag that occurs in no text of this request. */
  readonly tag: string
  /** Whether white space is replaced as well. */
  readonly datamark: boolean
}

/** A request that is ready to be sent to a model server. */
export interface Outgoing {
  readonly body: JsonObject
  /** The path at the server, if this request's differs from the route's. */
  readonly serverPath?: string
  /** The most tokens the response can have; 0 where nothing is generated. */
  readonly outputTokens: number
  /** Parameters that were lowered. */
  readonly clamped: readonly string[]
  /** Paths of fields that were dropped, including those of `Prompt.dropped`. */
  readonly dropped: readonly string[]
  /** What of those the caller is told; a strict role is refused instead. */
  readonly leftOut?: readonly string[]
  /** How many texts were marked as data. Absent: none. */
  readonly marked?: number
  /** Reads the response to this request, and no other. */
  readonly reader: ResponseReader
}

/** The name that the caller used and the one that the server knows; responses carry the former. */
export interface ModelNames {
  readonly asked: string
  readonly served: string
}

/** A call of a tool that a model made. */
export interface ToolCall {
  /** Names the call in its result; not every server gives one. */
  readonly id?: string
  readonly name: string
  readonly arguments: string
  /** The arguments are plain text, even where they look like JSON. */
  readonly isFreeForm?: true
}

/** Returns the id that a server gave a call, unless it is empty or no string. */
export function optionalId(id: JsonValue | undefined): { id?: string } {
  return typeof id === 'string' && id !== '' ? { id } : {}
}

/**
 * Reads one response. `frame` passes every text of a frame through the output filter and returns what the client gets in
 * its place, or undefined for nothing. `state` goes from `open` to `finished` (the model is done, only bookkeeping
 * follows) and `ended` (the end mark was seen), or to `failed`: the server reported an error, and `frame` returned nothing.
 */
export interface ResponseReader {
  readonly state: 'open' | 'finished' | 'ended' | 'failed'
  frame(frame: Frame, filter: OutputFilter): FilteredFrames
  /** The complete calls of the last frame, held until each was judged; then `resume` returns what leaves. */
  readonly waiting?: readonly ToolCall[]
  /** @param verdicts one for each call that waits */
  resume?(verdicts: readonly SettledVerdict[], filter: OutputFilter): FilteredFrames
  /** No guard can read the content: it is audio. */
  readonly isUnread?: true
  /** Tells whether a frame holds sound and no text, so that nothing of it is read before its turn. */
  isSound?(frame: Frame): boolean
  /** Returns how the response is framed, where the content type alone does not tell. */
  framing?(contentType: string): Framing
  /** Returns the last frame of a stream that is aborted, where it is more than the body of the error. */
  errorFrame?(error: PublicError): Frame
  readonly usage: Usage | undefined
  /** Each text so far that answers the prompt, without what was thought before it. Absent: nothing tells them apart. */
  readonly answers?: readonly string[] | undefined
  /** The model stopped because it had no more tokens left. Absent: it did not, or nothing tells. */
  readonly isCutShort?: boolean
  /** UTF-16 code units of the frames that the reader holds. Absent: none. */
  readonly held?: number
  /** The id under which the server may have stored this response. */
  readonly storedId?: string | undefined
  /** Text and tool calls so far, for the audit record. */
  readonly transcript: {
    readonly text: string
    readonly toolCalls: readonly ToolCall[]
    /** UTF-16 code units of both. */
    readonly size: number
    /** There was more than is kept of one response. */
    readonly truncated: boolean
    /** There is a complete tool call. */
    readonly called: boolean
  }
}
