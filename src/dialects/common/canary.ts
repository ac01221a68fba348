/**
 * Appends a canary to the system prompt of a request that is ready to be sent. A request without a system prompt gets
 * none, because it has none that could leak.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'

const systemRoles = new Set(['system', 'developer'])

/** Appends the sentence; a message that gets it is replaced, because later requests may hold it too. @returns whether there was a system prompt */
export function insertCanary(body: JsonObject, sentence: string): boolean {
  // Anthropic's and Ollama's `system`, the Responses API's `instructions`.
  for (const field of ['system', 'instructions']) {
    const said = appended(body[field], sentence)
    if (said === undefined) continue
    body[field] = said
    return true
  }
  const messages = Array.isArray(body.messages) ? body.messages : body.input
  if (!Array.isArray(messages)) return false
  for (const [index, message] of messages.entries()) {
    if (!isObject(message) || !systemRoles.has(String(message.role))) continue
    const content = appended(message.content, sentence)
    if (content === undefined) continue
    messages[index] = { ...message, content }
    return true
  }
  return false
}

/** @returns undefined if nothing is said there */
function appended(said: JsonValue | undefined, sentence: string): JsonValue | undefined {
  if (typeof said === 'string') return said === '' ? undefined : `${said}\n${sentence}`
  if (!Array.isArray(said)) return undefined
  const last = said.findLastIndex((part) => isObject(part) && typeof part.text === 'string')
  const part = said[last]
  return isObject(part) ? said.with(last, { ...part, text: `${part.text}\n${sentence}` }) : undefined
}
