/** From a shape to a reader: what most endpoints need, the others build on. */
import type { JsonObject } from '../../core/json.ts'
import type { Exchange, Prompt } from '../dialect.ts'
import { Notes, type ObjectShape } from './shape.ts'

/** Whether an answer streams that is not asked to. */
type Streaming = 'if asked' | 'unless told not to' | 'never'

/** @param note takes down what the shape cannot know */
export function bodyReader(
  shape: ObjectShape,
  streaming: Streaming = 'if asked',
  note?: (notes: Notes, body: JsonObject) => void,
): Exchange['read'] {
  return (body, allowed): Prompt => {
    const notes = new Notes(allowed)
    const fresh = shape(body, '', notes)
    note?.(notes, fresh)
    // Ollama has two names for the field; of a client that sends both, `name` counts if `model` is empty.
    const model = String(fresh.model || fresh.name || '')
    return notes.toPrompt(model, streams(fresh, streaming), fresh)
  }
}

function streams({ stream }: JsonObject, streaming: Streaming): boolean {
  if (streaming === 'never') return false
  return streaming === 'if asked' ? stream === true : stream !== false
}
