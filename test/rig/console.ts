/** A browser as far as the console needs one: a cookie, the headers that browsers send, and nothing of its own. */

import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { createParser } from 'eventsource-parser'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON. */
  json(): Record<string, unknown>
}

export interface Call {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** Sent as it is if it is text, else as JSON. */
  readonly body?: unknown
}

/** Sends a request with any headers, on a connection of its own. */
export function send(
  base: string,
  path: string,
  { method = 'GET', headers = {}, body }: Call = {},
): Promise<Answer> {
  const bytes = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const type = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }
  const length = bytes === undefined ? {} : { 'content-length': Buffer.byteLength(bytes) }
  return new Promise((resolve, reject) => {
    const sent = request(
      base,
      { path, method, headers: { ...type, ...length, ...headers }, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (piece: string) => {
          text += piece
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: () => JSON.parse(text) as Record<string, unknown>,
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(bytes)
  })
}

export interface SignedIn {
  readonly cookie: string
  readonly csrf: string
  /** What the sign-in answered. */
  readonly view: Record<string, unknown>
  /** Sends a request as the page does. */
  send(path: string, call?: Call): Promise<Answer>
}

/** Signs in. @throws if that fails */
export async function signIn(
  base: string,
  credential: object,
  headers: OutgoingHttpHeaders = {},
): Promise<SignedIn> {
  const answer = await send(base, '/console/api/session', { method: 'POST', headers, body: credential })
  if (answer.status !== 200) throw new Error(`sign-in: ${answer.status} ${answer.text}`)
  const cookie = (answer.headers['set-cookie']?.[0] ?? '').split(';', 1)[0] ?? ''
  const csrf = String(answer.json().csrf)
  return {
    ...{ cookie, csrf, view: answer.json() },
    send: (path, call = {}) =>
      send(base, path, { ...call, headers: { ...headers, cookie, 'x-torwart-csrf': csrf, ...call.headers } }),
  }
}

export interface Stream {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly events: { readonly event: string; readonly data: Record<string, unknown> }[]
  /** All that came, as it came. */
  text(): string
  readonly ended: () => boolean
  /** Stops reading, as a browser does whose tab is asleep. */
  pause(): void
  close(): void
}

/** Opens a stream of server-sent events. Resolves with its header. */
export function openStream(base: string, path: string, headers: OutgoingHttpHeaders = {}): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const sent = request(base, { path, headers, agent: false }, (response) => {
      const events: Stream['events'] = []
      let text = ''
      let ended = false
      const parser = createParser({
        onEvent: ({ event = '', data }) =>
          events.push({ event, data: JSON.parse(data) as Record<string, unknown> }),
      })
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
        parser.feed(piece)
      })
      response.on('close', () => {
        ended = true
      })
      response.on('error', () => {})
      resolve({
        ...{ status: response.statusCode ?? 0, headers: response.headers, events },
        text: () => text,
        ended: () => ended,
        pause: () => void response.socket.pause(),
        close: () => void sent.destroy(),
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}
