/**
 * OpenAI's Realtime API over a WebSocket (`GET /v1/realtime`), as LocalAI v4.9 has it (`core/http/endpoints/openai/realtime.go`)
 * and as OpenAI's schema of August 2026 describes it.
 *
 * Whatever a client adds to a session is judged with the whole conversation (`conversation.ts`), as a chat request would
 * be; so is each response, whoever has asked for it.
 */
import { isObject } from '../../core/json.ts'
import { bodyReader } from '../common/body-reader.ts'
import { capCount } from '../common/caps.ts'
import { flatName, functionOrFlatName, removeForbiddenTools } from '../common/offered-tools.ts'
import { list, modelName, object, type Shape } from '../common/shape.ts'
import type { Dialect, Exchange, Outgoing, PrepareOptions, Prompt, SessionRoute } from '../dialect.ts'
import { openaiError } from '../openai/request.ts'
import { item } from './items.ts'
import { RealtimeResponseReader, type SessionView } from './response.ts'
import { responseSettings, sessionSettings } from './settings.ts'

const soundSoFar: Shape = (_value, _at, notes) => {
  notes.unread.add('audio')
  return undefined
}

const read = bodyReader(
  object(
    {
      model: modelName,
      session: sessionSettings,
      items: list(item),
      update: sessionSettings,
      response: responseSettings,
      sound: soundSoFar,
    },
    ['model'],
  ),
  'unless told not to',
)

/** Of the settings that this request sends, and of those that hold, which say what holds where it is silent. */
function prepare(prompt: Prompt, orders: PrepareOptions, reader: RealtimeResponseReader): Outgoing {
  const { body } = prompt
  const clamped: string[] = []
  const dropped = [...prompt.dropped]
  let outputTokens = orders.outputTokens
  for (const key of ['session', 'update', 'response']) {
    const settings = body[key]
    if (!isObject(settings)) continue
    outputTokens = capCount(settings, 'max_output_tokens', orders.outputTokens, clamped, outputTokens)
    removeForbiddenTools(settings, orders.mayCall, dropped, flatName, functionOrFlatName)
  }
  body.model = orders.model
  return { body, outputTokens, clamped, dropped, leftOut: prompt.leftOut ?? [], reader }
}

const path = '/v1/realtime'
const route = {
  kind: 'exchange',
  method: 'GET',
  path,
  group: 'realtime',
  servers: ['localai', 'openai'],
  read,
} as const

/** The requests of one session. */
export interface SessionRequests {
  /** The session itself: a slot for as long as it lives, and no tokens. */
  readonly opening: Exchange
  /** What a client adds to it. */
  readonly addition: Exchange
  /** A response: tokens, and no slot, because the session has one. */
  readonly response: Exchange
}

/** Makes the requests of a session. @param view what their readers know of it */
export function sessionRequests(view: SessionView): SessionRequests {
  const reading =
    (isResponse: boolean): Exchange['prepare'] =>
    (prompt, orders) =>
      prepare(prompt, orders, new RealtimeResponseReader(view, isResponse))
  const between = reading(false)
  return {
    opening: {
      ...route,
      cost: 'probe',
      takes: 'slot',
      prepare: (prompt, orders) => ({ ...between(prompt, orders), outputTokens: 0 }),
    },
    addition: { ...route, cost: 'probe', prepare: between },
    response: { ...route, cost: 'request', takes: 'tokens', prepare: reading(true) },
  }
}

const session: SessionRoute = {
  kind: 'session',
  method: 'GET',
  path,
  group: 'realtime',
  cost: 'probe',
  servers: route.servers,
}

/** OpenAI's Realtime API. */
export const realtime: Dialect = {
  name: 'realtime',
  prefix: path,
  errorBody: openaiError,
  endpoints: [session],
}
