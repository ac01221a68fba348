/** Bytes over a socket, for requests that no client library would send. */
import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly text: string
}

/** Sends `bytes`, reads until the other side closes or an answer with its announced length is there. */
export function sendRaw(url: string, bytes: string | Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    const finish = () => {
      socket.destroy()
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text })
    }
    socket.setTimeout(8000, () => reject(new Error('no answer')))
    socket.on('connect', () => socket.write(bytes))
    socket.on('error', reject)
    socket.on('close', finish)
    socket.on('data', (piece) => {
      text += piece.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
      if (head !== -1 && length !== undefined && text.length >= head + 4 + Number(length)) finish()
    })
  })
}

/** A request with these lines and this body. */
export function rawRequest(first: string, headers: readonly string[], body = ''): string {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  return [first, 'Host: gate', ...headers, ...length, '', body].join('\r\n')
}
