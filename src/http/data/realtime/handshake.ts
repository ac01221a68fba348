/** What the request for a session says: which model, which page, and which key in the place where browsers can put one. */
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../../../core/refusal.ts'
import type { Policy } from '../../../policy/policy.ts'

/** The subprotocol of OpenAI's clients. */
export const subprotocol = 'realtime'
const keyProtocol = 'openai-insecure-api-key.'
const protocolHeader = 'sec-websocket-protocol'

/**
 * Moves a key from the subprotocols, where browsers' clients put it, to where every other credential is. Of the
 * subprotocols only `realtime` is left, so that no key is answered or logged.
 */
export function takeKeyFromProtocols(request: IncomingMessage): void {
  const { headers, rawHeaders } = request
  const offered = headers[protocolHeader]
  if (offered === undefined) return
  const protocols = offered.split(',').map((each) => each.trim())
  for (const each of protocols)
    if (each.startsWith(keyProtocol))
      rawHeaders.push('authorization', `Bearer ${each.slice(keyProtocol.length)}`)
  const kept = protocols.includes(subprotocol) ? subprotocol : undefined
  if (kept === undefined) delete headers[protocolHeader]
  else headers[protocolHeader] = kept
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === protocolHeader) rawHeaders[at + 1] = kept ?? ''
}

/** Refuses what is no WebSocket as RFC 6455, 4.2.1 has it. @throws Refusal `invalid_request` */
export function requireWebSocket({ headers }: IncomingMessage): void {
  const { 'sec-websocket-key': key, 'sec-websocket-version': version } = headers
  if (version === '13' && key !== undefined && /^[A-Za-z0-9+/]{22}==$/.test(key)) return
  throw new Refusal('invalid_request', {
    say: 'The request is not a valid WebSocket handshake (version 13).',
  })
}

/** Browsers do not hold WebSockets back, so pages of other origins are refused here. @throws Refusal `route_not_allowed` */
export function requireOrigin(
  { headers: { origin } }: IncomingMessage,
  { listen }: Pick<Policy, 'listen'>,
): void {
  if (origin === undefined || listen.cors.origins.includes(origin)) return
  throw new Refusal('route_not_allowed', {
    say: 'Pages of this origin may not open a session (`listen.cors.origins`).',
  })
}

/** Reads the model of the query. @throws Refusal `invalid_request` if there is none, or two */
export function modelOf(target: string): string {
  const query = target.indexOf('?')
  const [model, another] = query === -1 ? [] : new URLSearchParams(target.slice(query + 1)).getAll('model')
  if (model !== undefined && model !== '' && another === undefined) return model
  throw new Refusal('invalid_request', {
    say: 'The URL must name the model once, as in `/v1/realtime?model=NAME`.',
  })
}
