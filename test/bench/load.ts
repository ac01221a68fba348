/** The load: raw keep-alive connections that ask again as soon as they are answered. */
import { connect, type Socket } from 'node:net'

export interface Load {
  readonly port: number
  readonly key: string
  readonly connections: number
  readonly seconds: number
  /** One source of bodies per connection. */
  bodies(): () => string
  /** Told of every answer, whatever its status; without it an answer that is not 200 ends the run. */
  onAnswer?(status: number, micros: number): void
}

export interface Measured {
  readonly perSecond: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  readonly answered: number
}

/** @throws if an answer is not 200 */
export async function run({ port, key, connections, seconds, bodies, onAnswer }: Load): Promise<Measured> {
  const took: number[] = []
  let failure: Error | undefined
  const sockets: Socket[] = []
  const begun = process.hrtime.bigint()
  for (let each = 0; each < connections; each++) {
    const next = bodies()
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.setNoDelay(true)
    let pending = ''
    let sentAt = 0n
    const ask = () => {
      const body = next()
      sentAt = process.hrtime.bigint()
      socket.write(
        `POST /api/chat HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    }
    socket.on('connect', ask)
    socket.on('error', (error) => {
      failure ??= error
    })
    socket.on('data', (bytes) => {
      pending += bytes.toString('latin1')
      if (!isWhole(pending)) return
      const status = Number(pending.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
      if (status !== 200 && !onAnswer) failure ??= new Error(pending.slice(0, 300))
      pending = ''
      const micros = Number(process.hrtime.bigint() - sentAt) / 1000
      onAnswer?.(status, micros)
      took.push(micros)
      if (!failure) ask()
    })
  }
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const elapsed = Number(process.hrtime.bigint() - begun) / 1e9
  for (const socket of sockets) socket.destroy()
  if (failure) throw failure
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0
  return { perSecond: took.length / elapsed, p50: at(0.5), p99: at(0.99), answered: took.length }
}

function isWhole(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n')
  if (head === -1) return false
  const length = /content-length: *(\d+)/i.exec(answer.slice(0, head))?.[1]
  return length === undefined ? answer.endsWith('\r\n0\r\n\r\n') : answer.length >= head + 4 + Number(length)
}
