/** Frames of WebSockets (RFC 6455, 5.2) over a plain socket, for what no library would send. */
import { connect, type Socket } from 'node:net'

export interface FrameSettings {
  readonly opcode?: number
  readonly fin?: boolean
  /** The three reserved bits. */
  readonly reserved?: number
  readonly masked?: boolean
  /** Announced instead of the true one. */
  readonly length?: number
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Builds a frame as clients send it. */
export function frame(payload: string | Buffer, settings: FrameSettings = {}): Buffer {
  const { opcode = opcodes.text, fin = true, reserved = 0, masked = true } = settings
  const data = Buffer.from(payload)
  const length = settings.length ?? data.length
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode]
  const mask = masked ? 0x80 : 0
  const long = Buffer.alloc(8)
  if (length < 126) head.push(mask | length)
  else if (length < 65_536) head.push(mask | 126, length >> 8, length & 255)
  else {
    long.writeBigUInt64BE(BigInt(length))
    head.push(mask | 127, ...long)
  }
  if (!masked) return Buffer.concat([Buffer.from(head), data])
  const key = Buffer.from([1, 2, 3, 4])
  const hidden = Buffer.from(data.map((byte, index) => byte ^ (key[index % 4] ?? 0)))
  return Buffer.concat([Buffer.from(head), key, hidden])
}

export interface RawWebSocket {
  readonly socket: Socket
  /** What the server has sent behind its head. */
  bytes(): Buffer
  /** Resolves with the code of the server's close frame when the connection ends; 0 if there was none. */
  readonly closed: Promise<number>
}

/** Opens a session. @param lines further header lines */
export function openRaw(url: string, path: string, lines: readonly string[]): Promise<RawWebSocket> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let received = Buffer.alloc(0)
    let isOpen = false
    let end = (_code: number) => {}
    const closed = new Promise<number>((done) => {
      end = done
    })
    socket.on('connect', () =>
      socket.write(
        [
          `GET ${path} HTTP/1.1`,
          'Host: gate',
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          ...lines,
          '\r\n',
        ].join('\r\n'),
      ),
    )
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      end(closeCodeIn(received))
      reject(new Error(received.toString('latin1')))
    })
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      const head = received.indexOf('\r\n\r\n')
      if (isOpen || head === -1 || !received.toString('latin1').startsWith('HTTP/1.1 101')) return
      isOpen = true
      received = received.subarray(head + 4)
      resolve({ socket, bytes: () => received, closed })
    })
  })
}

/** Finds the close frame among frames of a server, which are not masked. */
function closeCodeIn(bytes: Buffer): number {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = (bytes[at + 1] ?? 0) & 127
    const head = short === 126 ? 4 : short === 127 ? 10 : 2
    const length =
      short === 126
        ? bytes.readUInt16BE(at + 2)
        : short === 127
          ? Number(bytes.readBigUInt64BE(at + 2))
          : short
    if (((bytes[at] ?? 0) & 15) === opcodes.close) return length >= 2 ? bytes.readUInt16BE(at + head) : 1005
    at += head + length
  }
  return 0
}
