/**
 * What the reader of an answer hands every text to, channel by channel, and what it gets back to put in its place. Who
 * judges is in `pipeline/`; what a frame looks like is the dialect's business alone.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Frame } from '../framing/framing.ts'
import { malformed } from './response-schema.ts'

/** `arguments` is JSON, whole or as far as it came; `input` is any text that a tool is given. */
export type TextKind = 'content' | 'thinking' | 'name' | 'arguments' | 'input'

export interface OutputFilter {
  /**
   * The next piece of a channel.
   * @returns what may leave in its place: what was held of the channel and is clean, without what is cut out
   * @throws Refusal if the answer ends here
   */
  next(channel: string, kind: TextKind, piece: string): string
  /** The channel is over. @returns what was held of it */
  rest(channel: string): string
  /** A text that comes in one. `again`: it was said before, in pieces or whole. */
  whole(kind: TextKind, text: string, again?: boolean): string
  /** Reads all texts of a long frame before `whole` asks for them, with turns for others between. @throws Refusal */
  readAhead?(frame: string): Promise<void>
  /** Whether something of any channel is held back now. */
  readonly isHolding: boolean
  /** How often something was cut out. */
  readonly cuts: number
  /** Whether tool calls stay with the reader until somebody has judged them. */
  readonly judgesCalls: boolean
}

/** What is made of one call in the end: it leaves, or a note in its place. */
export type SettledVerdict = { readonly kind: 'pass' } | { readonly kind: 'strip'; readonly note: string }

/** What leaves in the place of a frame. */
export type FilteredFrames = Frame | readonly Frame[] | undefined

/** One by one. */
export function toFrames(passed: FilteredFrames): readonly Frame[] {
  return passed === undefined ? [] : 'data' in passed ? [passed] : passed
}

/** Puts held frames before the last one. */
export function framesBefore(held: readonly Frame[], last: Frame): FilteredFrames {
  return held.length > 0 ? [...held, last] : last
}

/** For answers that nobody judges. */
export const passThrough: OutputFilter = {
  next: (_channel, _kind, piece) => piece,
  rest: () => '',
  whole: (_kind, text) => text,
  isHolding: false,
  cuts: 0,
  judgesCalls: false,
}

/** Choices, blocks and calls that are written at once, and of a whole answer. */
const maxOpen = 512
const maxChannels = 2048

/** Channels that may hold something back, each with what a frame of it looks like. */
export class OpenChannels {
  readonly #frames = new Map<string, (rest: string) => Frame>()
  #opened = 0

  has(channel: string): boolean {
    return this.#frames.has(channel)
  }

  /** A channel that was over may go on: LocalAI gives all choices of a request one number. @throws Refusal `upstream_failed` */
  open(channel: string, frameOf: (rest: string) => Frame): void {
    if (this.#frames.size >= maxOpen || ++this.#opened > maxChannels) malformed('an answer of too many parts')
    this.#frames.set(channel, frameOf)
  }

  /** Ends the channels whose names begin so. @returns what was held of them, in frames of their own */
  close(filter: OutputFilter, prefix = ''): Frame[] {
    const frames: Frame[] = []
    for (const [channel, frameOf] of this.#frames) {
      if (!channel.startsWith(prefix)) continue
      this.#frames.delete(channel)
      const rest = filter.rest(channel)
      if (rest !== '') frames.push({ ...frameOf(rest), unheld: '' })
    }
    return frames
  }
}

/** What a passage changed in one frame, and the way back. */
export class Edits {
  readonly #back: [holder: JsonObject, key: string, before: JsonValue][] = []
  #hasDropped = false

  get any(): boolean {
    return this.#back.length > 0
  }

  /** Puts in its place what is left of a value; undefined: nothing is. */
  put(holder: JsonObject, key: string, before: JsonValue, after: JsonValue | undefined): void {
    if (after === before) return
    this.#back.push([holder, key, before])
    if (after === undefined) delete holder[key]
    else holder[key] = after
  }

  /** Takes a member out for good, whatever becomes of the rest. */
  drop(holder: JsonObject, key: string): void {
    delete holder[key]
    this.#hasDropped = true
  }

  /**
   * The frame that leaves, with what it would have been had nothing been held back; the document is as it was afterwards.
   * @param changed whether the reader itself has changed the document
   */
  seal(frame: Frame, document: () => JsonObject, changed: boolean): Frame {
    const isOther = changed || this.#hasDropped
    this.#hasDropped = false
    if (this.#back.length === 0) return isOther ? { ...frame, data: JSON.stringify(document()) } : frame
    const data = JSON.stringify(document())
    for (const [holder, key, before] of this.#back.toReversed()) holder[key] = before
    this.#back.length = 0
    return { ...frame, data, unheld: isOther ? JSON.stringify(document()) : frame.data }
  }
}
