/** What the demonstration server answers, whatever the dialect: it repeats the prompt, or calls a tool. */
import type { ServerResponse } from 'node:http'
import { isObject, type JsonObject, type JsonValue, objectsIn } from '../core/json.ts'

/** An answer of the demonstration server. */
export interface Reply {
  readonly text: string
  /** The tool to call instead of answering. */
  readonly tool?: { readonly name: string; readonly arguments: JsonObject }
}

/** Repeats a prompt. */
export function echo(prompt: string): string {
  return `This is Torwart's demonstration server; there is no model behind it. You said: ${prompt}`
}

/**
 * Repeats the last user message, or calls the first tool if that message asks to use one.
 * @param turns messages of any dialect, or a prompt
 */
export function replyTo(turns: JsonValue | undefined, tools: JsonValue | undefined): Reply {
  if (typeof turns === 'string') return replyTo([{ role: 'user', content: turns }], tools)
  const last = objectsIn(turns).at(-1)
  const text = textOf(last?.content)
  const tool = objectsIn(tools)[0]
  const offered = isObject(tool?.function) ? tool.function : tool
  return offered && last?.role === 'user' && /\btool\b/i.test(text)
    ? { text: '', tool: { name: String(offered.name), arguments: exampleOf(offered) } }
    : { text: echo(text) }
}

/** Content is a text, or parts of which some have a text. */
function textOf(content: JsonValue | undefined): string {
  if (typeof content === 'string') return content
  const texts = objectsIn(content).flatMap(({ text }) => (typeof text === 'string' ? [text] : []))
  return texts.length > 0 ? texts.join(' ') : JSON.stringify(content ?? '')
}

/** A schema of arguments is called `parameters`, and by Anthropic `input_schema`. */
function exampleOf({ parameters, input_schema: schema = parameters }: JsonObject): JsonObject {
  return objectsIn(isObject(schema) ? schema.examples : undefined)[0] ?? {}
}

/** Counts tokens, by words. */
export function countsOf(text: string): { readonly input: number; readonly output: number } {
  return { input: 12, output: Math.max(1, text.split(' ').length) }
}

/** The pieces in which a text is streamed. */
export function wordsOf(text: string): string[] {
  return text.match(/\S+\s*/g) ?? []
}

/** Answers with a JSON document. */
export function sendJson(response: ServerResponse, value: JsonValue): void {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(value))
}

/** Answers with server-sent events that are named by the `type` of their data. */
export function sendEvents(response: ServerResponse, events: readonly JsonObject[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
}
