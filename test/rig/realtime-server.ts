/**
 * A scripted realtime server, as LocalAI v4.9 is one (`core/http/endpoints/openai/realtime.go`): its lists over HTTP, and
 * events over a WebSocket. What it answers to a `response.create` is up to the test.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

type Event = Record<string, unknown> & { type: string }

/** One connection, as the script sees it. */
export interface RealtimePeer {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  /** Events that came, in order. */
  readonly got: Event[]
  send(event: Event): void
}

export interface RealtimeServer {
  readonly url: string
  readonly peers: RealtimePeer[]
  /** What it answers. */
  script: RealtimeScript
  /** All events of the latest connection of this type. */
  got(type: string): Event[]
  close(): Promise<void>
}

/** Answers an event; the usual ones are answered before. */
export type RealtimeScript = (peer: RealtimePeer, event: Event) => void

/** The events of a response that says a text, in pieces. */
export function sayText(peer: RealtimePeer, pieces: readonly string[], id = 'resp_1', kind = 'text'): void {
  const item = { id: `item_${id}`, type: 'message', role: 'assistant', status: 'in_progress', content: [] }
  const text = pieces.join('')
  const isText = kind === 'text'
  const name = isText ? 'response.output_text' : 'response.output_audio_transcript'
  const field = isText ? 'text' : 'transcript'
  const about = { response_id: id, item_id: item.id, output_index: 0, content_index: 0 }
  const part = { type: isText ? 'output_text' : 'output_audio', [field]: text }
  const done = { ...item, status: 'completed', content: [part] }
  peer.send({
    type: 'response.created',
    response: { id, object: 'realtime.response', status: 'in_progress' },
  })
  peer.send({ type: 'response.output_item.added', response_id: id, output_index: 0, item: done })
  peer.send({ type: 'response.content_part.added', ...about, part })
  for (const delta of pieces) peer.send({ type: `${name}.delta`, ...about, delta })
  peer.send({ type: `${name}.done`, ...about, [field]: text })
  peer.send({ type: 'response.content_part.done', ...about, part })
  peer.send({ type: 'response.output_item.done', response_id: id, output_index: 0, item: done })
  finish(peer, [done], id)
}

/** The events of a response that calls a function. */
export function callFunction(peer: RealtimePeer, name: string, args: object, id = 'resp_1'): void {
  const call = {
    id: `item_${name}`,
    type: 'function_call',
    status: 'completed',
    call_id: `call_${name}`,
    name,
    arguments: JSON.stringify(args),
  }
  const about = { response_id: id, item_id: call.id, output_index: 0, call_id: call.call_id }
  peer.send({
    type: 'response.created',
    response: { id, object: 'realtime.response', status: 'in_progress' },
  })
  peer.send({ type: 'response.output_item.added', response_id: id, output_index: 0, item: call })
  peer.send({ type: 'response.function_call_arguments.delta', ...about, delta: call.arguments })
  peer.send({ type: 'response.function_call_arguments.done', ...about, name, arguments: call.arguments })
  peer.send({ type: 'response.output_item.done', response_id: id, output_index: 0, item: call })
  finish(peer, [call], id)
}

function finish(peer: RealtimePeer, output: object[], id: string): void {
  const usage = { total_tokens: 30, input_tokens: 20, output_tokens: 10 }
  peer.send({
    type: 'response.done',
    response: { id, object: 'realtime.response', status: 'completed', output, usage },
  })
}

const usual: RealtimeScript = (peer, event) => {
  if (event.type === 'session.update')
    peer.send({
      type: 'session.updated',
      session: { type: 'realtime', id: 'sess_1', ...(event.session as object) },
    })
  if (event.type === 'conversation.item.create')
    peer.send({ type: 'conversation.item.added', item: event.item })
  if (event.type === 'conversation.item.delete')
    peer.send({ type: 'conversation.item.deleted', item_id: event.item_id })
}

export const sayHello: RealtimeScript = (peer, { type }) => {
  if (type === 'response.create') sayText(peer, ['Hello ', 'there.'])
}

export async function startRealtimeServer(script: RealtimeScript = sayHello): Promise<RealtimeServer> {
  const peers: RealtimePeer[] = []
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    const data = ['voice', 'other'].map((id) => ({ id, object: 'model' }))
    response.end(JSON.stringify({ object: 'list', data }))
  })
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (socket, request) => {
    const got: Event[] = []
    const send = (event: Event) => socket.send(JSON.stringify({ event_id: 'event_1', ...event }))
    const peer = { socket, request, got, send }
    peers.push(peer)
    socket.on('message', (data) => {
      const event = JSON.parse(String(data)) as Event
      got.push(event)
      usual(peer, event)
      running.script(peer, event)
    })
    send({
      type: 'session.created',
      session: { type: 'realtime', id: 'sess_1', instructions: 'Of the house.' },
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const running: RealtimeServer = {
    script,
    url: `http://127.0.0.1:${port}`,
    peers,
    got: (type) => peers.at(-1)?.got.filter((event) => event.type === type) ?? [],
    close: () =>
      new Promise((resolve) => {
        for (const { socket } of peers) socket.terminate()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return running
}
