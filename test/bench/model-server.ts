/**
 * The scripted model server of the benchmarks: raw sockets and prepared bytes, so that it costs next to
 * nothing beside what is measured. Speaks Ollama's `/api/chat`: one object, or 200 lines if asked to stream.
 */
import { createServer, type Socket } from 'node:net'
import { streamedLines } from './streamed-lines.ts'

const words = 'The capital of France is Paris, and it has been so for a long time. '
const stats = { done: true, done_reason: 'stop', total_duration: 1, prompt_eval_count: 110, eval_count: 70 }
const base = { model: 'llama3.2', created_at: '2026-01-01T00:00:00Z' }
const whole = JSON.stringify({ ...base, message: { role: 'assistant', content: words.repeat(4) }, ...stats })
const wholeAnswer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${whole.length}\r\n\r\n${whole}`,
)
const list = JSON.stringify({ models: [{ name: 'llama3.2:latest', digest: 'a'.repeat(64) }] })
const listAnswer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${list.length}\r\n\r\n${list}`,
)
const streamHead = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n',
)
const chunk = (value: object) => {
  const line = `${JSON.stringify({ ...base, ...value })}\n`
  return `${line.length.toString(16)}\r\n${line}\r\n`
}
const line = Buffer.from(chunk({ message: { role: 'assistant', content: ' word' }, done: false }))
const lastLine = Buffer.from(`${chunk({ message: { role: 'assistant', content: '' }, ...stats })}0\r\n\r\n`)

/** Milliseconds before each line of a stream. */
const pauseMs = Number(process.argv[3] ?? 0)

/** One line after another, as a model writes. */
function streamSlowly(socket: Socket): void {
  socket.write(streamHead)
  let sent = 0
  const timer = setInterval(() => {
    const isLast = ++sent === streamedLines
    socket.write(isLast ? lastLine : line)
    if (isLast) clearInterval(timer)
  }, pauseMs)
  socket.once('close', () => clearInterval(timer))
}

/** Lines leave in groups of ten, one group a turn of the event loop, as a busy server's do. */
async function stream(socket: Socket): Promise<void> {
  if (pauseMs > 0) return streamSlowly(socket)
  socket.write(streamHead)
  for (let sent = 0; sent < streamedLines - 1; sent += 10) {
    socket.write(Buffer.concat(Array<Buffer>(Math.min(10, streamedLines - 1 - sent)).fill(line)))
    await new Promise(setImmediate)
  }
  socket.write(lastLine)
}

createServer((socket) => {
  let pending = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes) => {
    pending += bytes.toString('latin1')
    for (;;) {
      const head = pending.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = Number(/content-length: *(\d+)/i.exec(pending.slice(0, head))?.[1] ?? 0)
      if (pending.length < head + 4 + length) return
      const body = pending.slice(head + 4, head + 4 + length)
      pending = pending.slice(head + 4 + length)
      if (body === '') socket.write(listAnswer)
      else if (body.includes('"stream":false')) socket.write(wholeAnswer)
      else void stream(socket)
    }
  })
}).listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))
