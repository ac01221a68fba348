/**
 * Function calls of one Realtime response. Nothing of a call leaves before it is complete and judged; then its events are
 * made anew from what was judged. Its repetitions (items of the conversation, the end of the response) are made from the
 * same, and a call that was never judged fails the response.
 */
import { type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { OutputFilter, SettledVerdict } from '../common/output-filter.ts'
import { malformed } from '../common/response-schema.ts'
import { optionalId, type ToolCall } from '../dialect.ts'

/** Calls of one response. */
const maxCalls = 256
/** Events of one call that wait for its verdict. */
const maxHeld = 8
const idForm = /^[\w.:-]{1,128}$/

interface Call {
  readonly id: string
  /** The fields that all its events share. */
  place: JsonObject
  /** As the end of its arguments has told them. */
  told?: string
  read?: { readonly name: string; readonly callId: string; readonly arguments: string }
  verdict?: SettledVerdict
  /** Events of the conversation about its item. */
  readonly held: JsonObject[]
}

/** Tells whether an item is a function call. */
export function isFunctionCall({ type }: JsonObject): boolean {
  return type === 'function_call'
}

/** Holds the function calls of one response. */
export class RealtimeFunctionCalls {
  readonly #calls = new Map<string, Call>()
  #complete: Call | undefined

  /** Notes that a call has begun. @throws Refusal `upstream_failed` */
  begin(item: JsonObject, place: JsonObject): void {
    this.#of(item.id).place = place
  }

  /** Notes the end of a call's arguments. @throws Refusal `upstream_failed` */
  end(itemId: JsonValue | undefined, args: JsonValue | undefined): void {
    this.#of(itemId).told = stringOf(args)
  }

  /** Notes that a call is complete. @returns the call to be judged, which has no name if it was told in two ways */
  complete(item: JsonObject, place: JsonObject): ToolCall {
    const call = this.#of(item.id)
    const { name, call_id: callId, arguments: args } = item
    if (typeof name !== 'string' || typeof args !== 'string' || typeof callId !== 'string')
      return malformed('a function call without its name, id or arguments')
    if (!idForm.test(callId) || call.read) return malformed('a function call with an ill id, or told twice')
    call.place = place
    call.read = { name, callId, arguments: args }
    this.#complete = call
    const agrees = call.told === undefined || call.told === args
    return { ...optionalId(callId), name: agrees ? name : '', arguments: args }
  }

  /** Takes the verdict on the complete call. @returns the events that leave */
  settle(verdict: SettledVerdict, filter: OutputFilter): JsonObject[] {
    const call = this.#complete
    this.#complete = undefined
    if (!call?.read) return []
    call.verdict = verdict
    if (verdict.kind === 'strip') return noteEvents(call, verdict.note)
    const item = itemOf(call, filter)
    const { place } = call
    const about = { ...place, item_id: call.id, call_id: item.call_id ?? '' }
    return [
      {
        ...place,
        type: 'response.output_item.added',
        item: { ...item, status: 'in_progress', arguments: '' },
      },
      { ...about, type: 'response.function_call_arguments.delta', delta: item.arguments ?? '' },
      {
        ...about,
        type: 'response.function_call_arguments.done',
        name: item.name ?? '',
        arguments: item.arguments ?? '',
      },
      { ...place, type: 'response.output_item.done', item },
      ...call.held.map((event) => ({ ...event, item })),
    ]
  }

  /** Takes an event of the conversation about a call's item. @returns the event that leaves now, if one does */
  repeat(event: JsonObject, item: JsonObject, filter: OutputFilter): JsonObject | undefined {
    const call = this.#of(item.id)
    if (!call.verdict) {
      if (call.held.length < maxHeld) call.held.push(event)
      return undefined
    }
    return call.verdict.kind === 'pass' ? { ...event, item: itemOf(call, filter) } : undefined
  }

  /** Returns what leaves in the place of a call that the end of the response repeats. @throws Refusal `upstream_failed` */
  final(item: JsonObject, filter: OutputFilter): JsonObject {
    const call = this.#of(item.id)
    const { read, verdict } = call
    const isSame = read && read.name === item.name && read.arguments === item.arguments
    if (!verdict || !isSame)
      return malformed('a function call at the end of a response that was not told before')
    return verdict.kind === 'pass' ? itemOf(call, filter) : noteItem(call, verdict.note)
  }

  #of(id: JsonValue | undefined): Call {
    if (typeof id !== 'string' || !idForm.test(id)) return malformed('a function call with an ill id')
    const known = this.#calls.get(id)
    if (known) return known
    if (this.#calls.size >= maxCalls) return malformed('too many function calls')
    const call: Call = { id, place: {}, held: [] }
    this.#calls.set(id, call)
    return call
  }
}

function itemOf({ id, read }: Call, filter: OutputFilter): JsonObject {
  const { name = '', callId = '', arguments: args = '' } = read ?? {}
  return {
    id,
    object: 'realtime.item',
    type: 'function_call',
    status: 'completed',
    call_id: callId,
    name: filter.whole('name', name),
    arguments: filter.whole('arguments', args),
  }
}

function noteItem({ id }: Call, note: string): JsonObject {
  const content = [{ type: 'output_text', text: note }]
  return { id, object: 'realtime.item', type: 'message', status: 'completed', role: 'assistant', content }
}

/** Says in the place of a call that it was removed. */
function noteEvents(call: Call, note: string): JsonObject[] {
  const item = noteItem(call, note)
  const about = { ...call.place, item_id: call.id, content_index: 0 }
  return [
    {
      ...call.place,
      type: 'response.output_item.added',
      item: { ...item, status: 'in_progress', content: [] },
    },
    { ...about, type: 'response.content_part.added', part: { type: 'output_text', text: '' } },
    { ...about, type: 'response.output_text.delta', delta: note },
    { ...about, type: 'response.output_text.done', text: note },
    { ...about, type: 'response.content_part.done', part: { type: 'output_text', text: note } },
    { ...call.place, type: 'response.output_item.done', item },
  ]
}
