/** How replies are written to a client. */
import type { ServerResponse } from 'node:http'
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { Asked, Reply } from './reply.ts'

/** Writes one reply as one route of a server does. */
export type WriteReply = (response: ServerResponse, asked: Asked, reply: Reply) => void

/** Writes JSON and ends the response. */
export function sendJson(response: ServerResponse, value: JsonValue): void {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(value))
}

/** Writes server-sent events that are named by the `type` of their data, and ends the response. */
export function sendEvents(response: ServerResponse, events: readonly JsonObject[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
}
