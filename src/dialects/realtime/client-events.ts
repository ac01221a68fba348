/**
 * Events of Realtime clients, each with its declared fields. Other types are refused, other fields are dropped and noted.
 * What is forwarded is built from what was read.
 */
import { type JsonObject, stringOf } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import { Notes } from '../common/notes.ts'
import { integer, type ObjectShape, object, type Shape, word } from '../common/shape.ts'
import type { Feature } from '../dialect.ts'
import { id, item, sound } from './items.ts'
import { responseSettings, sessionSettings } from './settings.ts'

function event(fields: Readonly<Record<string, Shape>>, required: readonly string[] = []): ObjectShape {
  return object({ type: word, event_id: id, ...fields }, ['type', ...required])
}

const events: ReadonlyMap<string, ObjectShape> = new Map(
  Object.entries({
    'session.update': event({ session: sessionSettings }, ['session']),
    'conversation.item.create': event({ previous_item_id: id, item }, ['item']),
    'conversation.item.retrieve': event({ item_id: id }, ['item_id']),
    'conversation.item.truncate': event(
      { item_id: id, content_index: integer(0, 4096), audio_end_ms: integer(0) },
      ['item_id', 'content_index', 'audio_end_ms'],
    ),
    'conversation.item.delete': event({ item_id: id }, ['item_id']),
    'input_audio_buffer.append': event({ audio: sound }, ['audio']),
    'input_audio_buffer.commit': event({}),
    'input_audio_buffer.clear': event({}),
    'response.create': event({ response: responseSettings }),
    'response.cancel': event({ response_id: id }),
  }),
)

/** An event of a client, as it may be forwarded. */
export interface ClientEvent {
  readonly type: string
  /** Built anew. */
  readonly body: JsonObject
  /** Whether the client has sent sound with it. */
  readonly hasSound: boolean
  /** Paths of fields that were dropped: words of the caller. */
  readonly dropped: readonly string[]
}

/** @throws Refusal `invalid_request` for an unknown type, or what is ambiguous or unreadable */
export function readClientEvent(document: JsonObject, allowed: ReadonlySet<Feature>): ClientEvent {
  const type = stringOf(document.type)
  const shape = events.get(type)
  if (!shape)
    throw new Refusal('invalid_request', {
      say: `Events of this type are not supported. Supported are ${[...events.keys()].join(', ')}.`,
    })
  const notes = new Notes(allowed)
  const body = shape(document, '', notes)
  return { type, body, hasSound: notes.unread.has('audio'), dropped: notes.dropped }
}
