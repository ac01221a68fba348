/** What came back from a model server, and how a request ended. */
import type { Refusal } from '../core/refusal.ts'
import type { Usage } from '../core/usage.ts'
import type { ToolCall } from '../dialects/dialect.ts'

/** A realtime session that is over. */
export interface SessionSummary {
  /** Under which code it was closed. */
  readonly close: number
  readonly responses: number
  /** Of both directions. */
  readonly soundMs: number
}

/** What came back from the model, as far as it came. */
export interface ModelResponse {
  readonly status: number
  readonly text: string
  readonly toolCalls: readonly ToolCall[]
  readonly truncated: boolean
  readonly usage: Usage | undefined
  /** From arrival to the first byte sent. */
  readonly firstByteMs: number | undefined
  /** Of a stream: the same, without the time that humans took to decide. */
  readonly firstTokenMs?: number | undefined
  /** Of a realtime session as a whole. */
  readonly session?: SessionSummary
}

/** What is known of a model server's work on a request. */
export interface Work {
  /** What the server answered, 0 if it has not. */
  readonly status: number
  readonly answer: ModelResponse
  /** An estimate of the tokens that came as a stream. */
  readonly carried: number
  /** From forwarding until the server had said everything, or the request ended. */
  readonly ms: number
}

/** The response of what no model answers: lists, greetings. */
export const emptyResponse: ModelResponse = {
  status: 200,
  text: '',
  toolCalls: [],
  truncated: false,
  usage: undefined,
  firstByteMs: undefined,
}

/** How a request ended: in exactly one of these ways. */
export type Ending =
  | { readonly kind: 'answered'; readonly answer: ModelResponse }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** After the answer had begun. */
  | { readonly kind: 'cut'; readonly refusal: Refusal; readonly answer: ModelResponse }
  /** The client left. */
  | { readonly kind: 'aborted'; readonly answer: ModelResponse | undefined }
