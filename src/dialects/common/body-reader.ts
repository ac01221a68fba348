/** Makes the reader of a request body from a shape. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { Exchange, Prompt } from '../dialect.ts'
import { Notes } from './notes.ts'
import type { ObjectShape } from './shape.ts'

/** Whether a response streams, by the body's `stream`. */
type Streaming = 'if asked' | 'unless told not to' | 'never'

/**
 * Returns the `read` of a route.
 * @param note adds to the notes what the shape cannot know
 */
export function bodyReader(
  shape: ObjectShape,
  streaming: Streaming = 'if asked',
  note?: (notes: Notes, body: JsonObject) => void,
): Exchange['read'] {
  return (body, allowed, shared): Prompt => {
    const notes = new Notes(allowed, shared)
    const fresh = shape(body, '', notes)
    note?.(notes, fresh)
    // Ollama has two names for the field. If a client sends both, `name` counts when `model` is empty.
    const model = String(fresh.model || fresh.name || '')
    const prompt = notes.toPrompt(model, streams(fresh, streaming), fresh)
    const person = personNamedIn(body)
    return person === undefined ? prompt : { ...prompt, person }
  }
}

/** The fields in which clients of OpenAI's and Anthropic's APIs say whom a request is from; servers do not get them. */
function personNamedIn({ safety_identifier, user, metadata }: JsonObject): JsonValue | undefined {
  return safety_identifier ?? user ?? (isObject(metadata) ? metadata.user_id : undefined) ?? undefined
}

function streams({ stream }: JsonObject, streaming: Streaming): boolean {
  if (streaming === 'never') return false
  return streaming === 'if asked' ? stream === true : stream !== false
}
