/**
 * The output filter, through which a response reader passes every text, channel by channel, and what the reader does with
 * the result. `pipeline/` decides what passes; the dialect alone knows what a frame looks like.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Frame } from '../framing/framing.ts'
import { malformed } from './response-schema.ts'

/** What a text is. `arguments` is JSON, complete or as far as it has arrived; `input` is plain text for a tool. */
export type TextKind = 'content' | 'thinking' | 'name' | 'arguments' | 'input'

/** Decides what may leave of a response. */
export interface OutputFilter {
  /**
   * Takes the next piece of a channel.
   * @returns what may leave now: held text that is clean, without what is cut out
   * @throws Refusal if the response ends here
   */
  next(channel: string, kind: TextKind, piece: string): string
  /** Ends a channel. @returns what was held of it */
  rest(channel: string): string
  /** Filters a complete text. @param again the client has had it before, in pieces or whole */
  whole(kind: TextKind, text: string, again?: boolean): string
  /** Scans a long frame in slices before `whole` asks for its texts, so that other requests get turns. @throws Refusal */
  readAhead?(frame: string): Promise<void>
  /** Whether text of any channel is held now. */
  readonly isHolding: boolean
  /** How often something was cut out. */
  readonly cuts: number
  /** Whether the reader must hold tool calls until they were judged. */
  readonly judgesCalls: boolean
}

/** The final verdict on a call: it leaves, or a note in its place. */
export type SettledVerdict = { readonly kind: 'pass' } | { readonly kind: 'strip'; readonly note: string }

/** What leaves in the place of a frame. */
export type FilteredFrames = Frame | readonly Frame[] | undefined

/** Returns the frames that leave as a list. */
export function toFrames(passed: FilteredFrames): readonly Frame[] {
  return passed === undefined ? [] : 'data' in passed ? [passed] : passed
}

/** Puts held frames before the last one. */
export function framesBefore(held: readonly Frame[], last: Frame): FilteredFrames {
  return held.length > 0 ? [...held, last] : last
}

/** The filter that changes nothing, for responses without an output guard. */
export const passThrough: OutputFilter = {
  next: (_channel, _kind, piece) => piece,
  rest: () => '',
  whole: (_kind, text) => text,
  isHolding: false,
  cuts: 0,
  judgesCalls: false,
}

/** Channels that are written at the same time. */
const maxOpen = 512
/** Channels of one response. */
const maxChannels = 2048

/** The channels of a response that may have held text, each with a way to make a frame of it. */
export class OpenChannels {
  readonly #frames = new Map<string, (rest: string) => Frame>()
  #opened = 0

  has(channel: string): boolean {
    return this.#frames.has(channel)
  }

  /**
   * Opens a channel. One that was closed may be opened again, because LocalAI gives all choices the same index.
   * @throws Refusal `upstream_failed` if there are too many
   */
  open(channel: string, frameOf: (rest: string) => Frame): void {
    if (this.#frames.size >= maxOpen || ++this.#opened > maxChannels) malformed('an answer of too many parts')
    this.#frames.set(channel, frameOf)
  }

  /** Closes the channels whose names have this prefix. @returns frames with the text that was held */
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

/** The changes that filtering made to one frame, which can be undone. */
export class Edits {
  readonly #undo: (() => void)[] = []
  #hasDropped = false

  get any(): boolean {
    return this.#undo.length > 0
  }

  /** Replaces a value by what may leave of it; undefined removes the member. */
  put(holder: JsonObject, key: string, before: JsonValue, after: JsonValue | undefined): void {
    if (after === before) return
    this.#undo.push(() => {
      holder[key] = before
    })
    if (after === undefined) delete holder[key]
    else holder[key] = after
  }

  /** Replaces an item of a list by what may leave of it. */
  putItem(items: JsonValue[], index: number, before: JsonValue, after: JsonValue): void {
    if (after === before) return
    this.#undo.push(() => {
      items[index] = before
    })
    items[index] = after
  }

  /** Removes a member for good. */
  drop(holder: JsonObject, key: string): void {
    delete holder[key]
    this.#hasDropped = true
  }

  /**
   * Makes the frame that leaves, beside what it would be if no text had been held (`unheld`), and undoes the changes.
   * @param changed whether the reader itself has changed the document
   */
  seal(frame: Frame, document: () => JsonObject, changed: boolean): Frame {
    const isOther = changed || this.#hasDropped
    this.#hasDropped = false
    if (this.#undo.length === 0) return isOther ? { ...frame, data: JSON.stringify(document()) } : frame
    const data = JSON.stringify(document())
    for (const undo of this.#undo.toReversed()) undo()
    this.#undo.length = 0
    return { ...frame, data, unheld: isOther ? JSON.stringify(document()) : frame.data }
  }
}
