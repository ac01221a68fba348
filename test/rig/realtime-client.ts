/** A client of realtime sessions that keeps what it hears. */
import { WebSocket } from 'ws'
import type { RunningGate } from './gate.ts'
import { until } from './wait.ts'

export type RealtimeEvent = Record<string, unknown> & { type: string }

export interface RealtimeClientSettings {
  /** Empty: none. */
  readonly key?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly protocols?: string[]
}

export interface RealtimeClient {
  readonly socket: WebSocket
  readonly events: RealtimeEvent[]
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  send(event: object): void
  /** Waits for an event of this type. */
  heard(type: string): Promise<RealtimeEvent>
  /** Waits for an error. */
  refused(): Promise<{ readonly code: string; readonly param: string | null; readonly message: string }>
  /** The pieces of text of all responses so far. */
  text(): string
}

/** Connects. @throws Error with status and body if the handshake is refused */
export async function connectRealtime(
  gate: Pick<RunningGate, 'data' | 'key'>,
  {
    key = gate.key,
    path = '/v1/realtime?model=voice',
    headers = {},
    protocols = [],
  }: RealtimeClientSettings = {},
): Promise<RealtimeClient> {
  const authorization = key === '' ? {} : { authorization: `Bearer ${key}` }
  const socket = new WebSocket(`${gate.data.replace('http', 'ws')}${path}`, protocols, {
    headers: { ...authorization, ...headers },
  })
  const events: RealtimeEvent[] = []
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  socket.on('message', (data) => events.push(JSON.parse(String(data)) as RealtimeEvent))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (piece) => {
        text += piece
      })
      response.on('end', () => reject(new Error(`${response.statusCode} ${text}`)))
    })
  })
  const heard = (type: string) => until(() => events.find((event) => event.type === type))
  return {
    socket,
    events,
    closed,
    heard,
    send: (event) => socket.send(JSON.stringify(event)),
    refused: async () =>
      (await heard('error')).error as { code: string; param: string | null; message: string },
    text: () =>
      events
        .filter(({ type }) => type.endsWith('text.delta') || type.endsWith('transcript.delta'))
        .map(({ delta }) => delta)
        .join(''),
  }
}

/** An event that adds what a user says. */
export const userSays = (text: string) => ({
  type: 'conversation.item.create',
  item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
})
