/** What a scripted model server is asked, and what it answers; without a wire format. */
import type { IncomingHttpHeaders } from 'node:http'
import type { JsonObject } from '../core/json.ts'

/** A request that arrived at the server. */
export interface Asked {
  readonly method: string
  /** Path and query, as they were sent. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** The body as it was sent. */
  readonly text: string
  /** The same as JSON; empty if it is none. */
  readonly body: JsonObject
}

/** A tool that the model calls. */
export interface ScriptedCall {
  readonly name: string
  readonly arguments: JsonObject
}

/** What the model answers. */
export interface Reply {
  readonly text: string
  readonly calls?: readonly ScriptedCall[]
  /** Tokens that the server says it has processed; absent: counted by blanks. */
  readonly usage?: { readonly input: number; readonly output: number }
}

/** Tokens of a reply, as the server tells them. */
export function usageOf({ text, usage }: Reply): { input: number; output: number } {
  return usage ?? { input: 12, output: Math.max(1, piecesOf(text).length) }
}

/** The pieces in which a text is streamed: words with the blanks behind them. */
export function piecesOf(text: string): readonly string[] {
  return text.match(/\s*\S+\s*/g) ?? (text === '' ? [] : [text])
}
