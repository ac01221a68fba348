/** Inputs that are one text or a list of texts. Token numbers, which some clients send instead, are refused. */
import type { JsonValue } from '../../core/json.ts'
import type { Channel } from '../../core/text.ts'
import { invalid, oneOrMany, type Shape, text } from './shape.ts'

/** Returns the shape of such an input. For token numbers, which no guard can read, its error names the client setting. */
export function textsNotTokens(channel: Channel): Shape {
  const texts = oneOrMany(text(channel))
  return (value, at, notes) => (isTokens(value) ? invalid(remedy(at)) : texts(value, at, notes))
}

const documents = textsNotTokens('document')

/** Texts to be embedded; counted. */
export const embeddingInput: Shape = (value, at, notes) => {
  notes.counts.inputs += Array.isArray(value) ? value.length : 1
  return documents(value, at, notes)
}

function isTokens(value: JsonValue): boolean {
  if (!Array.isArray(value)) return false
  const [first] = value
  return typeof first === 'number' || (Array.isArray(first) && typeof first[0] === 'number')
}

function remedy(at: string): string {
  return (
    `\`${at}\` must be text: token numbers cannot be inspected. Have the client send text ` +
    '(LangChain: `check_embedding_ctx_length=False`).'
  )
}
