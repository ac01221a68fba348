/** Lines that hold nothing but the next piece of a text, which are most of a stream. */
import { isObject, type JsonObject } from '../../core/json.ts'
import { hasOnly, type PieceOfText } from '../common/repeated-frames.ts'

const ofChat = new Set(['model', 'created_at', 'message', 'done'])
const ofMessage = new Set(['role', 'content', 'thinking'])
const ofGenerate = new Set(['model', 'created_at', 'response', 'thinking', 'done'])

/** Finds the piece of a line of `/api/chat` or `/api/generate`; undefined: the line holds more, or less. */
export function pieceOfLine(line: JsonObject): PieceOfText | undefined {
  if (line.done !== false) return undefined
  const { message } = line
  if (isObject(message))
    return hasOnly(line, ofChat) && hasOnly(message, ofMessage)
      ? pieceIn(message, 'content', 'message.')
      : undefined
  return hasOnly(line, ofGenerate) ? pieceIn(line, 'response', '') : undefined
}

function pieceIn(holder: JsonObject, said: string, prefix: string): PieceOfText | undefined {
  const isThought = typeof holder.thinking === 'string' && holder.thinking !== ''
  const isSaid = typeof holder[said] === 'string' && holder[said] !== ''
  if (isThought === isSaid) return undefined
  const field = isThought ? 'thinking' : said
  const kind = isThought ? 'thinking' : 'content'
  return { holder, field, channel: `${prefix}${field}`, kind, time: 'created_at' }
}
