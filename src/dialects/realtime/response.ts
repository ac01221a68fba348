/**
 * Events of a Realtime server. What leaves is built anew from declared fields (`server-events.ts`); other events are
 * dropped. `response.done` is the end mark.
 *
 * Special cases: LocalAI announces an item with all its text, so beginnings lose theirs, and the pieces follow. A failure
 * is an `error` without a `response.done`. Sound cannot be read; once something was cut out of the text, the sound that says
 * it is withheld.
 */
import { isObject, type JsonObject, type JsonValue, objectsIn, parse, stringOf } from '../../core/json.ts'
import { type Usage, usageOf } from '../../core/usage.ts'
import {
  Edits,
  type FilteredFrames,
  OpenChannels,
  type OutputFilter,
  type SettledVerdict,
} from '../common/output-filter.ts'
import { malformed } from '../common/response-schema.ts'
import { Transcript } from '../common/transcript.ts'
import type { PublicError, ResponseReader, ToolCall } from '../dialect.ts'
import type { Frame, Framing } from '../framing/framing.ts'
import { ndjson } from '../framing/ndjson.ts'
import { refusalEvent, typeOf } from './errors.ts'
import { isFunctionCall, RealtimeFunctionCalls } from './function-calls.ts'
import {
  endEvent,
  itemEvent,
  messageItem,
  partEvent,
  pieceEvent,
  plainEvents,
  responseFields,
  sessionFields,
  soundEvent,
  textDeltas,
} from './server-events.ts'

const ends = new Map([...textDeltas.values()].map(({ end, repeated }): [string, string] => [end, repeated]))
const sounds = new Set(['response.output_audio.delta', 'response.audio.delta'])
const soundStarts = [...sounds].map((type) => `{"type":"${type}",`)
const items = new Set([
  'conversation.item.created',
  'conversation.item.added',
  'conversation.item.done',
  'conversation.item.retrieved',
  'response.output_item.added',
  'response.output_item.done',
])
/** Errors in what a client has sent, after which a response goes on (LocalAI v4.9, `realtime.go`). */
const ofClient = new Set([
  'invalid_json',
  'invalid_request_error',
  'invalid_item_id',
  'invalid_audio_data',
  'missing_audio_data',
  'buffer_size_exceeded',
  'not_implemented',
  'session_update_error',
])

/** What a reader of events needs to know of the session. */
export interface SessionView {
  /** Returns the settings that the client has made. */
  settings(): JsonObject
  /** Returns the item with this id that the client has sent. */
  item(id: string): JsonObject | undefined
  /** Returns the name of the model, as the client has it. */
  model(): string
}

/** Reads the events of one response, or those between responses. */
export class RealtimeResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  readonly transcript = new Transcript()
  readonly #session: SessionView
  readonly #isResponse: boolean
  readonly #edits = new Edits()
  readonly #channels = new OpenChannels()
  readonly #calls = new RealtimeFunctionCalls()
  #waiting: readonly ToolCall[] = []
  #id = ''

  /** @param isResponse whether the events are those of a response, which ends with `response.done` */
  constructor(session: SessionView, isResponse: boolean) {
    this.#session = session
    this.#isResponse = isResponse
  }

  get waiting(): readonly ToolCall[] {
    return this.#waiting
  }

  /** Of an event whose type comes first. */
  isSound({ data }: Frame): boolean {
    return soundStarts.some((start) => data.startsWith(start))
  }

  framing(): Framing {
    return lines
  }

  frame({ data }: Frame, filter: OutputFilter): FilteredFrames {
    const event = parse(data)
    if (!isObject(event)) return malformed('an event that is no object')
    const type = stringOf(event.type)
    const reading = { filter, edits: this.#edits }
    const plain = plainEvents.get(type)
    if (plain) return this.#seal(plain(event, reading))
    if (textDeltas.has(type)) return this.#piece(event, type, filter)
    if (ends.has(type)) return this.#end(event, type, filter)
    if (items.has(type)) return this.#item(event, type, filter)
    if (sounds.has(type)) return filter.cuts > 0 ? undefined : this.#seal(soundEvent(event, reading))
    if (type.startsWith('response.content_part.')) return this.#part(event, type, filter)
    if (type.startsWith('response.function_call_arguments.')) return this.#arguments(event, type)
    if (type === 'response.created' || type === 'response.done') return this.#response(event, type, filter)
    if (type === 'session.created' || type === 'session.updated') return this.#sessionEvent(event, filter)
    return type === 'error' ? this.#error(event) : undefined
  }

  resume([verdict]: readonly SettledVerdict[], filter: OutputFilter): FilteredFrames {
    this.#waiting = []
    return verdict && this.#calls.settle(verdict, filter).map(frameOf)
  }

  /** An error, and the end of the response, for which clients wait. */
  errorFrame(refused: PublicError): Frame {
    const error = refusalEvent(refused)
    if (this.#id === '') return frameOf(error)
    const { code, status } = refused
    const response = {
      id: this.#id,
      object: 'realtime.response',
      status: 'failed',
      status_details: { type: 'failed', error: { type: typeOf(status), code } },
      output: [],
    }
    return { data: `${JSON.stringify(error)}\n${JSON.stringify({ type: 'response.done', response })}` }
  }

  #piece(event: JsonObject, type: string, filter: OutputFilter): Frame {
    const fresh = pieceEvent(event, { filter, edits: this.#edits })
    const delta = stringOf(fresh.delta)
    const channel = channelOf(event, type)
    this.transcript.addText(channel, delta)
    if (!this.#channels.has(channel))
      this.#channels.open(channel, (rest) => frameOf({ ...fresh, delta: rest }))
    this.#edits.put(fresh, 'delta', delta, filter.next(channel, 'content', delta))
    return this.#seal(fresh)
  }

  #end(event: JsonObject, type: string, filter: OutputFilter): Frame[] {
    const delta = [...textDeltas].find(([, { end }]) => end === type)?.[0] ?? ''
    const channel = channelOf(event, delta)
    if (!this.#channels.has(channel)) this.transcript.addText(channel, stringOf(event[ends.get(type) ?? '']))
    const before = this.#channels.close(filter, channel)
    return [...before, this.#seal(endEvent(event, { filter, edits: this.#edits }))]
  }

  #part(event: JsonObject, type: string, filter: OutputFilter): FilteredFrames {
    const before = type.endsWith('.added') ? withoutText(event, 'part') : event
    return this.#seal(partEvent(before, { filter, edits: this.#edits }))
  }

  #item(event: JsonObject, type: string, filter: OutputFilter): FilteredFrames {
    const reading = { filter, edits: this.#edits }
    const { item } = event
    if (!isObject(item)) return malformed('an item that is no object')
    const fresh = itemEvent(event, reading)
    if (isFunctionCall(item)) return this.#call(fresh, item, type, filter)
    if (item.type !== undefined && item.type !== 'message') return this.#own(fresh, item)
    const isBegun = type === 'response.output_item.added'
    const before =
      type === 'response.output_item.done' ? this.#channels.close(filter, `${itemOf(event)}`) : []
    fresh.item = messageItem(isBegun ? { ...item, content: [] } : item, reading)
    return [...before, this.#seal(fresh)]
  }

  /** An item of another kind leaves only if the client has sent it, and as it has sent it. */
  #own(event: JsonObject, { id }: JsonObject): FilteredFrames {
    const own = this.#session.item(stringOf(id))
    return own && frameOf({ ...event, item: own })
  }

  #call(event: JsonObject, item: JsonObject, type: string, filter: OutputFilter): FilteredFrames {
    if (type.startsWith('conversation.')) {
      const own = this.#own(event, item)
      if (own || !this.#isResponse) return own
      const repeated = this.#calls.repeat(event, item, filter)
      return repeated && frameOf(repeated)
    }
    if (!this.#isResponse) return undefined
    const { type: _type, event_id: _id, ...place } = event
    if (type === 'response.output_item.added') {
      this.#calls.begin(item, place)
      return undefined
    }
    const call = this.#calls.complete(item, place)
    this.transcript.addCall(stringOf(item.call_id), stringOf(item.name), stringOf(item.arguments))
    if (!filter.judgesCalls) return this.#calls.settle({ kind: 'pass' }, filter).map(frameOf)
    this.#waiting = [call]
    return undefined
  }

  #arguments(event: JsonObject, type: string): undefined {
    if (type.endsWith('.done')) this.#calls.end(event.item_id, event.arguments)
  }

  #response(event: JsonObject, type: string, filter: OutputFilter): FilteredFrames {
    if (!this.#isResponse || !isObject(event.response)) return malformed('a response where none is')
    const reading = { filter, edits: this.#edits }
    const { response } = event
    const fresh = responseFields(response, reading)
    this.#id = stringOf(fresh.id)
    fresh.output = []
    const told: JsonObject = { type, response: fresh }
    if (typeof event.event_id === 'string') told.event_id = itemEvent(event, reading).event_id ?? ''
    this.#addMetadata(fresh, response.metadata, filter)
    if (type === 'response.created') return this.#seal(told)
    const { usage } = response
    if (isObject(usage)) this.usage = usageOf(usage.input_tokens ?? 0, usage.output_tokens ?? 0)
    const before = this.#channels.close(filter)
    fresh.output = objectsIn(response.output).flatMap((item): JsonValue[] => {
      if (isFunctionCall(item)) return [this.#calls.final(item, filter)]
      return item.type === 'message' ? [messageItem(item, reading)] : []
    })
    this.state = 'ended'
    return [...before, this.#seal(told)]
  }

  /** What the client has written on a response, to find it again. */
  #addMetadata(fresh: JsonObject, metadata: JsonValue | undefined, filter: OutputFilter): void {
    if (!isObject(metadata)) return
    fresh.metadata = Object.fromEntries(
      Object.entries(metadata)
        .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
        .slice(0, maxMetadata)
        .map(([key, value]) => [filter.whole('content', key, true), filter.whole('content', value, true)]),
    )
  }

  /** The client gets its own instructions and tools back, and no text of the server's. */
  #sessionEvent(event: JsonObject, filter: OutputFilter): Frame {
    const reading = { filter, edits: this.#edits }
    const { instructions, tools, tool_choice: choice } = this.#session.settings()
    const session = {
      ...sessionFields(event.session ?? {}, reading),
      model: this.#session.model(),
      ...(instructions === undefined ? {} : { instructions }),
      ...(tools === undefined ? {} : { tools }),
      ...(choice === undefined ? {} : { tool_choice: choice }),
    }
    return this.#seal({ ...itemEvent(event, reading), session })
  }

  /** Tells of an error without the server's words. */
  #error({ error }: JsonObject): Frame | undefined {
    const code =
      isObject(error) && typeof error.code === 'string' && /^[\w.-]{1,64}$/.test(error.code)
        ? error.code
        : 'server_error'
    if (this.#isResponse && !ofClient.has(code)) {
      this.state = 'failed'
      return undefined
    }
    const type = ofClient.has(code) ? 'invalid_request_error' : 'server_error'
    return frameOf({
      type: 'error',
      error: { type, code, message: 'The model server reported an error.', param: null },
    })
  }

  #seal(event: JsonObject): Frame {
    return this.#edits.seal({ data: '' }, () => event, true)
  }
}

const maxMetadata = 16
/** Events are lines on their way through the relay, and messages of a WebSocket before and behind it. */
const lines: Framing = { ...ndjson, mayPause: true }

function frameOf(event: JsonObject): Frame {
  return { data: JSON.stringify(event) }
}

function itemOf({ item_id: id, item }: JsonObject): string {
  return `${stringOf(id ?? (isObject(item) ? item.id : undefined))}/`
}

function channelOf(event: JsonObject, type: string): string {
  return `${itemOf(event)}${stringOf(String(event.content_index ?? 0))}/${type}`
}

function withoutText(event: JsonObject, key: string): JsonObject {
  const part = event[key]
  if (!isObject(part)) return event
  const empty = typeof part.transcript === 'string' ? { transcript: '' } : { text: '' }
  return { ...event, [key]: { type: part.type ?? null, ...empty } }
}
