/**
 * A realtime session: two WebSockets, the conversation between them, and at most one response at a time. Whatever ends it
 * ends both sides, and then it is on record.
 */

import type { JsonObject } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import { toPublicError } from '../../dialects/dialect.ts'
import { refusalEvent } from '../../dialects/realtime/errors.ts'
import { soundMs } from '../../dialects/realtime/sound.ts'
import { ClientLeft } from '../cancellation.ts'
import { extend } from '../context.ts'
import { type Ending, emptyResponse, type SessionSummary } from '../ending.ts'
import { createPipeline } from '../pipeline.ts'
import type { Pipeline } from '../steps.ts'
import { ClientEvents } from './client-events.ts'
import { closeCodeOf, isOrderly, normalClosure } from './close-code.ts'
import { EventWriter } from './event-writer.ts'
import { ForgottenResponses } from './forgotten.ts'
import { type LiveSession, narrowedTo, type SessionParts } from './live-session.ts'
import { MessageQueue } from './message-queue.ts'
import type { EventSocket } from './ports.ts'
import { ServerEvents } from './server-events.ts'
import type { Turn } from './turn.ts'
import { Valve } from './valve.ts'

/** Refused events of one session: whoever sends more is not trying to talk to a model. */
const maxRefusals = 64
const switchingProtocols = 101

/** A session that is open. */
export class RealtimeSession implements LiveSession {
  readonly parts: SessionParts
  readonly pipeline: Pipeline
  readonly client: EventSocket
  readonly server: EventSocket
  readonly serverValve: Valve
  readonly #clientValve: Valve
  readonly #clientQueue: MessageQueue
  readonly #serverQueue: MessageQueue
  readonly #idle: NodeJS.Timeout
  readonly forgotten = new ForgottenResponses()
  /** The response under way. */
  turn: Turn | undefined
  #running: Promise<void> | undefined
  #responses = 0
  #refusals = 0
  #soundMs = 0
  #isOver = false
  readonly #settle: () => void
  /** Resolves when it is on record. */
  readonly over: Promise<void>

  constructor(parts: SessionParts, client: EventSocket, server: EventSocket) {
    const { steps, request, upstream } = parts
    this.parts = parts
    this.client = client
    this.server = server
    this.pipeline = createPipeline({
      ...steps,
      authoriseModel: async (inner) => narrowedTo(upstream, await steps.authoriseModel(inner)),
      send: steps.sendThrough({
        send: (sent, handler) => {
          if (!this.turn) throw new TypeError('a response without a turn')
          return this.turn.attach(sent, handler)
        },
      }),
    })
    const clientEvents = new ClientEvents(this)
    const serverEvents = new ServerEvents(this)
    this.#clientValve = new Valve(client)
    this.serverValve = new Valve(server)
    this.#clientQueue = new MessageQueue(this.#clientValve, (message) => clientEvents.take(message))
    this.#serverQueue = new MessageQueue(this.serverValve, (message) => serverEvents.take(message))
    this.#idle = setTimeout(() => this.#endIdle(), request.policy.timeouts.sessionIdleMs)
    let settle = () => {}
    this.over = new Promise((resolve) => {
      settle = resolve
    })
    this.#settle = settle
    extend(request, { upstream })
    request.cancellation.onEnd(() => this.#onEnd())
    if (request.cancellation.over) this.#onEnd()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes a message of the client. */
  fromClient(message: string): void {
    this.#idle.refresh()
    this.#clientQueue.add(message)
  }

  /** Takes a message of the model server. */
  fromServer(message: string): void {
    this.#idle.refresh()
    this.#serverQueue.add(message)
  }

  /** The client has closed its side, or is gone. */
  clientClosed(code: number): void {
    this.end(isOrderly(code) ? undefined : new ClientLeft())
  }

  /** The model server has closed its side, or is gone. */
  serverClosed(): void {
    const refusal = new Refusal('upstream_failed', { detail: 'the model server closed its WebSocket' })
    this.turn?.fail(refusal)
    this.end(refusal)
  }

  /** Sends an event to the model server, which may be slower than the client. */
  toServer(event: object): void {
    if (this.server.send(JSON.stringify(event))) return
    this.#clientValve.close('other side')
    this.server.onDrain(() => this.#clientValve.open('other side'))
  }

  /** Sends an event to the client, which may be slower than the model server. */
  toClient(event: string): void {
    if (this.client.send(event)) return
    this.serverValve.close('other side')
    this.client.onDrain(() => this.serverValve.open('other side'))
  }

  /** Makes the client's side of a request whose body is this. */
  writer(body: JsonObject, eventId: string | undefined): EventWriter {
    return new EventWriter({
      client: this.client,
      body: JSON.stringify(body),
      eventId,
      failedLogin: this.parts.failedLogin,
      broken: () => this.end(new Refusal('internal', { detail: 'a response over a WebSocket broke off' })),
    })
  }

  /** Takes a response all the way. Resolves when nothing of it is left to be done. */
  run(turn: Turn, close: () => void): Promise<void> {
    this.#running = this.#exchange(turn, close)
    return this.#running
  }

  async #exchange(turn: Turn, close: () => void): Promise<void> {
    const { dialect, requests } = this.parts
    this.turn = turn
    this.#responses++
    await this.pipeline.exchange(turn.context, { dialect, endpoint: requests.response }, turn.writer)
    // A refusal is told when it is on record. Nobody is told of the end of a session.
    if (!this.#isOver) await turn.writer.over
    this.turn = undefined
    close()
    const { refusal } = turn.writer
    if (refusal) this.countRefusal()
  }

  /** Ends the session of a client whose events are refused again and again. */
  countRefusal(): void {
    this.#refusals++
    if (this.#refusals >= maxRefusals)
      this.end(new Refusal('invalid_request', { say: 'Too many events of this session were refused.' }))
  }

  /** Counts sound, if there is room for it. @returns whether there is */
  countSound(base64: string, format: JsonObject | undefined): boolean {
    const { conversation, request } = this.parts
    const ms = this.#soundMs + soundMs(base64, format)
    if (ms > request.role.caps.soundMs) return false
    this.#soundMs = ms
    conversation.hasSound = true
    return true
  }

  /**
   * Ends the session.
   * @param cause undefined: the client asked for it
   * @param code under which the client is told; undefined: that of the cause
   */
  end(cause: Refusal | ClientLeft | undefined, code?: number): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#idle)
    this.#clientQueue.close()
    this.#serverQueue.close()
    const isRefused = cause instanceof Refusal
    const closeCode = code ?? (isRefused ? closeCodeOf(cause) : normalClosure)
    this.turn?.context.cancellation.end(cause ?? new ClientLeft())
    if (isRefused && code === undefined)
      this.client.send(JSON.stringify(refusalEvent(toPublicError(cause, ''))))
    void this.#record(cause, closeCode).then(() => {
      this.client.close(closeCode, isRefused ? cause.code : '')
      this.server.close(normalClosure, '')
      this.#settle()
    })
  }

  #onEnd(): void {
    const { cause } = this.parts.request.cancellation
    // How its client has left, its WebSocket tells.
    if (cause instanceof ClientLeft) return
    const isTime = cause instanceof Refusal && cause.code === 'upstream_timeout'
    this.end(isTime ? timeIsUp('timeouts.session') : cause)
  }

  #endIdle(): void {
    this.end(timeIsUp('timeouts.sessionIdle'))
  }

  /** Puts the session on record, once no response is left. Never rejects. */
  async #record(cause: Refusal | ClientLeft | undefined, close: number): Promise<void> {
    const { context, steps } = this.parts
    try {
      // What runs is recorded before.
      await this.#running
      context.responseGuard?.finish()
      const summary = { close, responses: this.#responses, soundMs: Math.round(this.#soundMs) }
      await steps.settle(context, endingOf(cause, summary))
    } catch {
      // What could not be recorded was told to the log and counted by who failed.
    }
  }
}

function endingOf(cause: Refusal | ClientLeft | undefined, session: SessionSummary): Ending {
  const answer = { ...emptyResponse, status: switchingProtocols, session }
  if (cause === undefined) return { kind: 'answered', answer }
  return cause instanceof Refusal ? { kind: 'cut', refusal: cause, answer } : { kind: 'aborted', answer }
}

function timeIsUp(key: string): Refusal {
  return new Refusal('upstream_timeout', { say: `The session has reached \`${key}\`.` })
}
