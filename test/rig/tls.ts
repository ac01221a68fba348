/** A client over TLS: its certificate, the CA it trusts, and what came of it. */
import { type Agent, request } from 'node:https'
import type { SecureVersion } from 'node:tls'
import type { Leaf } from './certificates.ts'

export interface TlsClient {
  readonly ca: string
  readonly leaf?: Leaf | undefined
  readonly agent?: Agent
  readonly maxVersion?: SecureVersion
}

export interface TlsAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Rejects when the handshake, or the connection, fails. */
export function ask(
  url: string,
  { ca, leaf, agent, maxVersion }: TlsClient,
  { body, headers = {}, method }: { body?: unknown; headers?: Record<string, string>; method?: string } = {},
): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        agent: agent ?? false,
        ca,
        ...(leaf ? { cert: leaf.cert, key: leaf.key } : {}),
        ...(maxVersion ? { maxVersion } : {}),
      },
      (response) => {
        let text = ''
        response.on('data', (piece: Buffer) => {
          text += piece.toString()
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        )
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
