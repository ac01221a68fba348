/**
 * Frames of a stream that differ from the one before only in their piece of text, which most do. They are not parsed: the
 * bytes around the text must be those of a frame that was read in full, and the text a plain JSON string.
 *
 * This is sound because the bytes around the text are what `JSON.stringify` prints of the document that was read in full.
 * So a frame with the same bytes around another string is a print of the same document with that string in its place: no
 * key occurs twice, no member is another one, and whatever the reader has found of the rest holds again. The reader sees to
 * it that only frames are learned that change nothing but the text of one channel.
 */
import { isObject, type JsonObject, type JsonValue, tryJson } from '../../core/json.ts'
import type { Frame } from '../framing/framing.ts'
import type { FilteredFrames, OutputFilter, TextKind } from './output-filter.ts'
import type { Transcript } from './transcript.ts'

/** Where the text of a frame stands, and what else may differ from frame to frame. */
export interface PieceOfText {
  readonly holder: JsonObject
  readonly field: string
  /** Of the output filter and of the transcript. */
  readonly channel: string
  readonly kind: TextKind
  /** The member of the document that has the time. */
  readonly time?: string
  /** The member of the document that counts the frames. */
  readonly number?: string
}

/** Returns whether an object has no other members than these. */
export function hasOnly(object: JsonObject, members: ReadonlySet<string>): boolean {
  for (const key in object) if (!members.has(key)) return false
  return true
}

/** Finds the only text of a document; undefined: there is none, or there is more to the document than that. */
export type FindPiece = (document: JsonObject) => PieceOfText | undefined

type Slot = 'text' | 'time' | 'number'

/** What frames have in common. */
interface Shape {
  readonly event: string | undefined
  readonly slots: readonly Slot[]
  /** What stands before each slot and behind the last one, as frames come and as they leave. */
  readonly fixed: readonly string[]
  readonly printed: readonly string[]
  /** Whether the bytes around the text are others when a frame leaves than when it came. */
  readonly isOther: boolean
  readonly channel: string
  readonly kind: TextKind
}

/** UTF-16 code units. Longer frames are read in full. */
const maxLength = 32 * 1024
/** How many frames in a row are learned without a repetition before this response gives up. */
const maxFutile = 8
/** As RFC 3339 has it; `other-texts.ts` lets the same pass unread. */
const time = /\d{4}-\d\d-\d\dT[\d:.]{5,20}(?:Z|[+-]\d\d:\d\d)/y
const number = /(?:0|[1-9]\d{0,14})/y
/** Stands in a slot while a document is printed. No other string of a document that is printed alike has it. */
const marks: Readonly<Record<Slot, string>> = {
  text: '\u0000text\u0000',
  time: '\u0000time\u0000',
  number: '\u0000number\u0000',
}

/** Reads frames that repeat the one before, in one response. */
export class RepeatedFrames {
  readonly #transcript: Transcript
  #shape: Shape | undefined
  #futile = 0
  /** Where the slots of the last frame stand. */
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #isEscaped = false

  constructor(transcript: Transcript) {
    this.#transcript = transcript
  }

  /** Whether the frames are counted. */
  get isNumbered(): boolean {
    return this.#shape?.slots.includes('number') ?? false
  }

  /**
   * Reads a frame that repeats the one before and hands its text to the filter.
   * @param expected the number that the frame must have, if it has one
   * @returns what leaves in its place; undefined: it must be read in full
   * @throws Refusal as the filter does
   */
  read(frame: Frame, filter: OutputFilter, expected?: number): Frame | undefined {
    const shape = this.#shape
    if (!shape) return undefined
    const text = this.#match(frame, shape, expected)
    if (text === undefined) {
      this.#shape = undefined
      return undefined
    }
    this.#futile = 0
    this.#transcript.addText(shape.channel, text)
    const passed = filter.next(shape.channel, shape.kind, text)
    if (passed === text && !shape.isOther) return frame
    const data = this.#print(frame.data, shape, passed)
    if (passed === text) return { ...frame, data }
    return { ...frame, data, unheld: shape.isOther ? this.#print(frame.data, shape, text) : frame.data }
  }

  /**
   * Takes note of a frame that was read in full; what was known of others is forgotten.
   * @param passed what leaves in its place
   * @param find undefined: this one cannot be repeated
   */
  learn(frame: Frame, passed: FilteredFrames, find: FindPiece | undefined): void {
    this.#shape = undefined
    if (!find || passed === undefined || !('data' in passed) || this.#futile >= maxFutile) return
    // What would leave if nothing of the text were held.
    const data = passed.unheld ?? passed.data
    if (frame.data.length > maxLength || data === '') return
    const came = shapeOf(frame.data, find)
    const leaves = data === frame.data ? came : shapeOf(data, find)
    if (!came || !leaves || !isSame(came, leaves)) return
    this.#futile++
    const { slots, fixed } = came
    const { channel, kind } = leaves.piece
    const isOther = leaves !== came
    this.#shape = { event: frame.event, slots, fixed, printed: leaves.fixed, isOther, channel, kind }
  }

  /** @returns the text of a frame of this shape */
  #match({ event, data }: Frame, shape: Shape, expected: number | undefined): string | undefined {
    const { slots, fixed } = shape
    if (event !== shape.event || data.length > maxLength) return undefined
    let at = 0
    let text: number | undefined
    for (let index = 0; index < slots.length; index++) {
      const before = fixed[index] as string
      const begin = at
      at += before.length
      // A line is a slice of what came: `startsWith` takes twice as long on one.
      if (data.slice(begin, at) !== before) return undefined
      const slot = slots[index] as Slot
      const end =
        slot === 'text' ? this.#endOfText(data, at) : endOf(slot === 'time' ? time : number, data, at)
      if (end <= at) return undefined
      if (slot === 'text') text = index
      else if (slot === 'number' && Number(data.slice(at, end)) !== expected) return undefined
      this.#starts[index] = at
      this.#ends[index] = end
      at = end
    }
    const last = fixed[slots.length] as string
    if (text === undefined || data.slice(at) !== last) return undefined
    const raw = data.slice(this.#starts[text], this.#ends[text])
    if (!this.#isEscaped) return raw
    const unescaped = tryJson(`"${raw}"`)
    return typeof unescaped === 'string' ? unescaped : undefined
  }

  /** @returns where the string is over, or -1 if it has other escapes than the simple ones, or is no JSON */
  #endOfText(data: string, from: number): number {
    this.#isEscaped = false
    for (let at = from; at < data.length; at++) {
      const unit = data.charCodeAt(at)
      if (unit === 0x22 /* " */) return at
      if (unit < 0x20) return -1
      if (unit !== 0x5c /* \ */) continue
      if (!isSimpleEscape(data.charCodeAt(++at))) return -1
      this.#isEscaped = true
    }
    return -1
  }

  /** A frame of this shape with this text in it. */
  #print(data: string, { slots, printed }: Shape, text: string): string {
    let out = ''
    for (let index = 0; index < slots.length; index++)
      out += `${printed[index]}${slots[index] === 'text' ? JSON.stringify(text).slice(1, -1) : data.slice(this.#starts[index], this.#ends[index])}`
    return out + printed[slots.length]
  }
}

/** How one frame is printed. */
interface Printed {
  readonly slots: readonly Slot[]
  readonly fixed: readonly string[]
  readonly piece: PieceOfText
  readonly values: readonly (JsonValue | undefined)[]
}

function shapeOf(data: string, find: FindPiece): Printed | undefined {
  const document = tryJson(data)
  const piece = isObject(document) ? find(document) : undefined
  if (!isObject(document) || !piece) return undefined
  const places: (readonly [slot: Slot, holder: JsonObject, key: string])[] = [
    ['text', piece.holder, piece.field],
  ]
  if (piece.time !== undefined && isTime(document[piece.time])) places.push(['time', document, piece.time])
  if (piece.number !== undefined) places.push(['number', document, piece.number])
  const values = places.map(([, holder, key]) => holder[key])
  for (const [slot, holder, key] of places) holder[key] = marks[slot]
  const printed = JSON.stringify(document)
  const found = places
    .map(([slot]) => ({ slot, ...placeOf(slot, printed) }))
    .sort((one, other) => one.start - other.start)
  if (found.some(({ isOnly }) => !isOnly)) return undefined
  const starts = [0, ...found.map(({ end }) => end)]
  const fixed = starts.map((start, index) => printed.slice(start, found[index]?.start))
  return { slots: found.map(({ slot }) => slot), fixed, piece, values }
}

/** Where the mark of a slot stands in a printed document. Strings keep their quotes outside of it. */
function placeOf(slot: Slot, printed: string): { start: number; end: number; isOnly: boolean } {
  const quoted = JSON.stringify(marks[slot])
  const mark = slot === 'number' ? quoted : quoted.slice(1, -1)
  const start = printed.indexOf(mark)
  return { start, end: start + mark.length, isOnly: start !== -1 && start === printed.lastIndexOf(mark) }
}

/** Tells whether a frame leaves with the same text, time and number, in the same order. */
function isSame(came: Printed, leaves: Printed): boolean {
  return (
    came.slots.join() === leaves.slots.join() &&
    came.values.every((value, index) => value === leaves.values[index])
  )
}

function isTime(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && endOf(time, value, 0) === value.length
}

function endOf(pattern: RegExp, data: string, from: number): number {
  pattern.lastIndex = from
  return pattern.test(data) ? pattern.lastIndex : -1
}

/** Tells what may stand behind a backslash, except `u`: quotes, slashes, and what ends a line. */
function isSimpleEscape(unit: number): boolean {
  return '"\\/bfnrt'.includes(String.fromCharCode(unit))
}
