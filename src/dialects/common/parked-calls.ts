/**
 * How a response reader holds tool calls back until they were judged: the events of a call are buffered until it is
 * complete, the frame that completed it is parked, and the verdicts release what may leave.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'
import { malformed } from './response-schema.ts'

/** UTF-16 code units of the held frames of one response: as many tokens as models write, one a frame. */
const maxHeldLength = 16 * 1024 * 1024
/** Calls of one response that are being written at the same time. */
const maxOpenCalls = 512
/** Frames that are held as they came; what follows is merged into the last one. */
export const maxHeldFrames = 512

/** Counts what a reader holds of one response. */
export class HeldSize {
  #length = 0

  /** @throws Refusal `upstream_failed` above the limit */
  add({ data }: Frame): void {
    this.#length += data.length
    if (this.#length > maxHeldLength) malformed('the tool calls of an answer are too large')
  }

  clear(): void {
    this.#length = 0
  }

  /** UTF-16 code units. */
  get length(): number {
    return this.#length
  }
}

/** The frame that completed tool calls, kept while those are judged. */
export class ParkedFrame<T> {
  #frame: T | undefined
  #calls: readonly ToolCall[] = []

  /** The calls that wait for their verdicts. */
  get calls(): readonly ToolCall[] {
    return this.#calls
  }

  /** @returns undefined: nothing leaves for now */
  park(frame: T, calls: readonly ToolCall[]): undefined {
    this.#frame = frame
    this.#calls = calls
  }

  /** Ends the wait. @returns the parked frame, or undefined if there was none */
  release(): T | undefined {
    const frame = this.#frame
    this.#frame = undefined
    this.#calls = []
    return frame
  }
}

/** One tool call of a stream and the events that told of it. */
export interface BufferedCall {
  readonly events: JsonObject[]
}

/** Holds the events of a stream's tool calls, by the index of the call, until the calls were judged. */
export class CallBuffer<C extends BufferedCall> {
  readonly #open = new Map<JsonValue, C>()
  readonly #size = new HeldSize()
  #complete: readonly C[] = []

  /** UTF-16 code units of the events that are held. */
  get held(): number {
    return this.#size.length
  }

  /** @throws Refusal `upstream_failed` if the response holds too much, or too many calls at once */
  begin(index: JsonValue, call: C, frame: Frame): void {
    this.#size.add(frame)
    this.#open.set(index, call)
    if (this.#open.size > maxOpenCalls) malformed('too many tool calls at once')
  }

  get(index: JsonValue): C | undefined {
    return this.#open.get(index)
  }

  find(matches: (call: C) => boolean): C | undefined {
    return [...this.#open.values()].find(matches)
  }

  /**
   * Adds an event to a call that goes on.
   * @param merge puts the event into the last one instead, and says whether it could
   * @throws Refusal `upstream_failed` if the response holds too much
   */
  append(
    { events }: C,
    event: JsonObject,
    frame: Frame,
    merge: (last: JsonObject | undefined) => boolean,
  ): void {
    this.#size.add(frame)
    if (events.length < maxHeldFrames || !merge(events.at(-1))) events.push(event)
  }

  /** Takes out the open call with this index, or all of them. */
  takeOpen(index?: JsonValue): C[] {
    if (index === undefined) {
      const all = [...this.#open.values()]
      this.#open.clear()
      return all
    }
    const call = this.#open.get(index)
    this.#open.delete(index)
    return call ? [call] : []
  }

  /** Keeps complete calls until `settle`. */
  complete(calls: readonly C[]): void {
    this.#complete = calls
  }

  /**
   * Forgets the complete calls, which were judged.
   * @param release what leaves of a call, by its position among the complete ones
   * @returns the events that leave, in order
   */
  settle(release: (call: C, position: number) => JsonObject[]): JsonObject[] {
    const events = this.#complete.flatMap(release)
    this.#complete = []
    if (this.#open.size === 0) this.#size.clear()
    return events
  }
}
