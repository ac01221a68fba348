/**
 * Appends a canary to the system prompt of a request that is ready to be sent. A request without a system prompt gets
 * none, because it has none that could leak.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'

const systemRoles = new Set(['system', 'developer'])

/** Appends the sentence, in place. @returns whether there was a system prompt */
export function insertCanary(body: JsonObject, sentence: string): boolean {
  // Anthropic's and Ollama's `system`, the Responses API's `instructions`.
  for (const field of ['system', 'instructions']) if (appendTo(body, field, sentence)) return true
  const messages = Array.isArray(body.messages) ? body.messages : body.input
  if (!Array.isArray(messages)) return false
  for (const message of messages)
    if (isObject(message) && systemRoles.has(String(message.role)) && appendTo(message, 'content', sentence))
      return true
  return false
}

function appendTo(holder: JsonObject, field: string, sentence: string): boolean {
  const said: JsonValue | undefined = holder[field]
  if (typeof said === 'string' && said !== '') {
    holder[field] = `${said}\n${sentence}`
    return true
  }
  if (!Array.isArray(said)) return false
  const last = said.findLast((part): part is JsonObject => isObject(part) && typeof part.text === 'string')
  if (!last) return false
  last.text = `${last.text}\n${sentence}`
  return true
}
