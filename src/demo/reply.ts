/** What the demonstration server answers, whatever the dialect: it repeats the prompt, or calls a tool. */
import { isObject, type JsonObject, type JsonValue, objectsIn } from '../core/json.ts'
import type { Reply } from '../scripted-server/reply.ts'

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
    ? { text: '', calls: [{ name: String(offered.name), arguments: exampleOf(offered) }] }
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
