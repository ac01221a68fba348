/** `npm run bench -- --only paced`: the memory of a gate that relays a thousand streams at once, each a line every 200 ms. */
import { connect } from 'node:net'
import { residentMiB } from './cpu.ts'
import { smallRequest } from './prompts.ts'
import type { GateTarget } from './targets.ts'

/** Streams at once. */
export const pacedStreams = 1000
const opensAtOnce = 50
/** Milliseconds between looks at the memory. */
const lookMs = 50

/** Opens all streams, in groups, and waits for their ends. @throws Error if one is refused or broken off */
export async function paced({ target, key }: GateTarget): Promise<string> {
  const pid = target.process.pid ?? 0
  const before = residentMiB(pid) ?? Number.NaN
  let most = before
  const look = setInterval(() => {
    most = Math.max(most, residentMiB(pid) ?? Number.NaN)
  }, lookMs)
  const streams: Promise<void>[] = []
  while (streams.length < pacedStreams) {
    for (let each = 0; each < opensAtOnce; each++) streams.push(stream(target.port, key))
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
  await Promise.all(streams)
  clearInterval(look)
  return `\n## ${pacedStreams} paced streams at once\n\n${before.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at most.`
}

function stream(port: number, key: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const body = smallRequest(true)
    let end = ''
    let isFirst = true
    socket.on('connect', () =>
      socket.write(
        `POST /api/chat HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      ),
    )
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a stream was broken off')))
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      if (isFirst && !text.startsWith('HTTP/1.1 200')) reject(new Error(text.slice(0, 300)))
      isFirst = false
      end = (end + text).slice(-7)
      if (end !== '\r\n0\r\n\r\n') return
      resolve()
      socket.destroy()
    })
  })
}
