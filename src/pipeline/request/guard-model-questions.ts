/**
 * What a guard model is asked about a request: what the scanner has flagged, as one question; and where the policy wants
 * more, every text that a stranger may have written, or every text, each as questions of its own, which are remembered.
 */
import type { Channel, Text } from '../../core/text.ts'
import type { GuardModel } from '../../policy/policy.ts'

/** A text that is neither clean nor bad enough. */
export interface Flagged {
  readonly channel: Channel
  readonly text: string
  readonly score: number
  /** Where the first finding stands. */
  readonly at: number
}

/** A text that the guard model is asked about. */
export interface Question {
  readonly channel: Channel
  readonly text: string
}

/** The questions of one request. */
export interface Questions {
  readonly questions: readonly Question[]
  /** Whether they hold all that there is to ask. */
  readonly isWhole: boolean
}

const maxBytes = 16 * 1024
/** UTF-16 code units in front of the first finding, where a text has to be cut. */
const leadUp = 1024
/** And which two pieces of a text share. */
const overlap = 512
const between = '\n\n'
/** Of one request; those about its last texts come first. */
const maxQuestions = 64
/** Shorter texts give no orders: numbers, names, words of a schema. */
const shortest = 24

const asked: Readonly<Record<GuardModel['when'], ReadonlySet<Channel>>> = {
  flagged: new Set(),
  untrusted: new Set(['tool', 'document', 'definition']),
  all: new Set(['system', 'user', 'assistant', 'tool', 'document', 'definition']),
}

/**
 * Chooses what the guard model is asked.
 * @param flagged texts that the scanner has flagged
 * @param trustSystem whether system prompts are not asked about
 */
export function questionsOf(
  texts: readonly Text[],
  flagged: readonly Flagged[],
  { when }: Pick<GuardModel, 'when'>,
  trustSystem: boolean,
): Questions {
  const isAsked = (channel: Channel) => asked[when].has(channel) && !(trustSystem && channel === 'system')
  const others = flagged.filter(({ channel }) => !isAsked(channel))
  const first = others.length > 0 ? heaviest(others) : undefined
  const passages = passagesOf(texts.filter(({ channel }) => isAsked(channel)))
  const room = maxQuestions - (first ? 1 : 0)
  return {
    questions: [...(first ? [first] : []), ...passages.slice(-room).toReversed()],
    isWhole: (first?.isWhole ?? true) && passages.length <= room,
  }
}

/** The texts of a channel, and of a tool, that follow each other are one; what is too long for a question is several. */
function passagesOf(texts: readonly Text[]): Question[] {
  const joined: { readonly channel: Channel; readonly tool: string | undefined; text: string }[] = []
  for (const { channel, text, tool } of texts) {
    const last = joined.at(-1)
    if (last && last.channel === channel && last.tool === tool && channel === 'definition')
      last.text += `\n${text}`
    else joined.push({ channel, tool, text })
  }
  return joined
    .filter(({ text }) => text.length >= shortest)
    .flatMap(({ channel, text }) => pieces(text).map((piece) => ({ channel, text: piece })))
}

function pieces(text: string): string[] {
  const found: string[] = []
  for (let from = 0; from < text.length; ) {
    const piece = fitting(text.slice(from), 0, maxBytes)
    found.push(piece)
    from += piece.length < text.length - from ? piece.length - overlap : piece.length
  }
  return found
}

function heaviest(flagged: readonly Flagged[]): Question & { readonly isWhole: boolean } {
  const parts: string[] = []
  let room = maxBytes
  let isWhole = true
  const ordered = flagged.toSorted((a, b) => b.score - a.score)
  for (const { text, at } of ordered) {
    const part = fitting(text, at, room)
    if (part.length < text.length) isWhole = false
    if (part === '') continue
    parts.push(part)
    room -= Buffer.byteLength(part) + between.length
  }
  return { channel: ordered[0]?.channel ?? 'user', text: parts.join(between), isWhole }
}

/** All of it, or as many bytes as there is room for, from somewhat before a place on. */
function fitting(text: string, at: number, room: number): string {
  if (room <= 0) return ''
  if (text.length <= room && Buffer.byteLength(text) <= room) return text
  let from = Math.max(0, at - leadUp)
  // Not in the middle of a character.
  if ((text.charCodeAt(from) & 0xfc00) === 0xdc00) from++
  const rest = text.slice(from, from + room)
  return rest.slice(0, new TextEncoder().encodeInto(rest, new Uint8Array(room)).read)
}
