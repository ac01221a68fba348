/**
 * Syslog (RFC 5424), facility 13 (log audit): over TCP or TLS with octet counting (RFC 6587, 3.4.1), or over UDP.
 * Syslog acknowledges nothing. Over TCP records count as taken when the connection has outlived them by a moment, so a
 * receiver that closes or resets gets them again; one that vanishes without a word may miss the last ones. Over UDP
 * nobody knows.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { connect as connectTls } from 'node:tls'
import type { SinkMessage, SinkTransport } from './message.ts'

const facility = 13
const connectMs = 10_000
const outliveMs = 100
/** What a datagram can carry at all. */
const maxDatagramLength = 65_000

/** Frames a record as a syslog message (RFC 5424). */
export function toSyslog({ text, severity, time }: SinkMessage, host = hostname()): string {
  const level = severity >= 8 ? 4 : severity >= 5 ? 5 : 6
  const name = host.replaceAll(/[^\x21-\x7e]/g, '').slice(0, 255) || '-'
  return `<${facility * 8 + level}>1 ${time} ${name} torwart - audit - ${text}`
}

/** Sends over TCP or TLS, with octet counts (RFC 6587, RFC 5425). */
export function createSyslogStream(url: URL): SinkTransport {
  let socket: Socket | undefined
  const open = () =>
    new Promise<Socket>((resolve, reject) => {
      const host = url.hostname.replace(/^\[|\]$/g, '')
      const port = Number(url.port)
      const opened =
        url.protocol === 'tls:'
          ? connectTls({ host, port, servername: host }, () => resolve(opened))
          : connect(port, host, () => resolve(opened))
      opened.setTimeout(connectMs, () => opened.destroy(new Error('timed out')))
      opened.once('error', reject)
      opened.once('close', () => {
        reject(new Error('closed'))
        if (socket === opened) socket = undefined
      })
      // Whatever it says is not read, and must not fill up.
      opened.resume()
    })
  return {
    async send(records) {
      socket ??= await open()
      const current = socket
      const frames = records.map((record) => {
        const line = toSyslog(record)
        return `${Buffer.byteLength(line)} ${line}`
      })
      try {
        await written(current, frames.join(''))
      } catch (error) {
        current.destroy()
        socket = undefined
        throw error
      }
    },
    close: () => socket?.destroy(),
  }
}

function written(socket: Socket, data: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const lost = (error?: unknown) => {
      clearTimeout(timer)
      reject(error instanceof Error ? error : new Error('the connection was closed'))
    }
    socket.once('close', lost)
    socket.once('end', lost)
    // A receiver that does not read must not hold its records for ever.
    socket.setTimeout(connectMs)
    socket.write(data, (error) => {
      if (error) return lost(error)
      socket.setTimeout(0)
      timer = setTimeout(() => {
        socket.off('close', lost)
        socket.off('end', lost)
        resolve()
      }, outliveMs)
      return undefined
    })
  })
}

/** Sends over UDP (RFC 5426). What is lost on the way stays lost. */
export function createSyslogDatagrams(url: URL): SinkTransport {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  let socket: UdpSocket | undefined
  return {
    async send(records) {
      socket ??= createSocket(host.includes(':') ? 'udp6' : 'udp4').unref()
      const current = socket
      current.removeAllListeners('error')
      current.on('error', () => {})
      for (const record of records) {
        const bytes = Buffer.from(toSyslog(record)).subarray(0, maxDatagramLength)
        await new Promise<void>((resolve, reject) => {
          current.send(bytes, Number(url.port), host, (error) => (error ? reject(error) : resolve()))
        })
      }
    },
    close: () => socket?.close(),
  }
}
