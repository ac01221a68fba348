/** Sends what an attack sends: requests of any form, and bytes that no client library would send. */
import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { connect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'

/** A response, or that there was none. */
export interface Received {
  /** 0: the connection ended, or nothing came in time. */
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** A request as it is sent. */
export interface Sending {
  readonly method: string
  readonly path: string
  /** Name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: string | undefined
}

const timeoutMs = 15_000
/** For raw bytes, which may leave a server waiting for more. */
const rawTimeoutMs = 1500
const maxResponse = 64 * 1024 * 1024

/** A client with connections of its own. */
export class AttackClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 128 })
  readonly #tlsAgent = new TlsAgent({ keepAlive: true, maxSockets: 128 })

  /** Sends a request. Does not throw: what went wrong is status 0. */
  send(base: string, { method, path, headers, body }: Sending): Promise<Received> {
    const { hostname, port, host, protocol, pathname } = new URL(base)
    const isTls = protocol === 'https:'
    const ask = isTls ? tlsRequest : request
    const agent = isTls ? this.#tlsAgent : this.#agent
    const bytes = body === undefined ? undefined : Buffer.from(body)
    const length = bytes === undefined ? [] : ['Content-Length', String(bytes.length)]
    return new Promise((resolve) => {
      const nothing = () => resolve({ status: 0, headers: {}, text: '' })
      try {
        const sending = ask(
          {
            ...{
              host: bare(hostname),
              port,
              method,
              path: pathname.replace(/\/$/, '') + path,
              agent,
              timeout: timeoutMs,
            },
            headers: ['Host', host, ...headers, ...length],
          },
          (response) => {
            const pieces: Buffer[] = []
            let size = 0
            response.on('data', (piece: Buffer) => {
              size += piece.length
              if (size > maxResponse) response.destroy()
              else pieces.push(piece)
            })
            response.on('close', () =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                text: Buffer.concat(pieces).toString(),
              }),
            )
          },
        )
        sending.on('timeout', () => sending.destroy())
        sending.on('error', nothing)
        sending.end(bytes)
      } catch {
        // A request that Node does not let anybody send.
        nothing()
      }
    })
  }

  /** Closes its connections. */
  close(): void {
    this.#agent.destroy()
    this.#tlsAgent.destroy()
  }
}

/** Sends bytes over a connection of their own, and reads until its end or until nothing comes any more. */
export function sendRaw(base: string, bytes: string): Promise<Received> {
  const { hostname, port, protocol } = new URL(base)
  return new Promise((resolve) => {
    const isTls = protocol === 'https:'
    const host = bare(hostname)
    const socket = isTls
      ? tlsConnect({ host, port: Number(port || 443), servername: hostname })
      : connect(Number(port || 80), host)
    let text = ''
    socket.setTimeout(rawTimeoutMs, () => socket.destroy())
    socket.on(isTls ? 'secureConnect' : 'connect', () => socket.write(Buffer.from(bytes, 'latin1')))
    socket.on('data', (piece) => {
      if (text.length < maxResponse) text += piece.toString('latin1')
      if (isWhole(text)) socket.destroy()
    })
    // `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0)
      const code = /\r\nx-torwart-code: (\w+)/i.exec(text)?.[1]
      resolve({ status, headers: code === undefined ? {} : { 'x-torwart-code': code }, text })
    })
  })
}

/** An error ends the connection; only after a success may a second response follow. */
function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  return /^HTTP\/1\.\d [45]/.test(text) && head !== -1 && text.length >= head + 4 + Number(length ?? Infinity)
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
