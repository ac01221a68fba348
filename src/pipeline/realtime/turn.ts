/**
 * One response of a session: a request of the pipeline, whose model server is the other WebSocket. The events of the
 * response reach the relay as lines of JSON.
 */
import { Refusal } from '../../core/refusal.ts'
import type { RequestContext } from '../context.ts'
import type { ResponseHandler, UpstreamRequest, UpstreamStream } from '../ports.ts'
import type { EventWriter } from './event-writer.ts'

/** What a turn asks of its session. */
export interface TurnPort {
  sendToServer(event: object): void
  pauseServer(): void
  resumeServer(): void
  /** The rest of a response is not wanted. @param id undefined: of the one that the server begins next */
  forget(id: string | undefined): void
}

/** A response, from the moment that it is asked for. */
export class Turn {
  readonly context: RequestContext
  readonly writer: EventWriter
  readonly #port: TurnPort
  readonly #eventId: string | undefined
  readonly #settleSent: () => void
  /** Resolves when the response was asked for, or refused. */
  readonly sent: Promise<void>
  /** As the server calls the response. */
  id: string | undefined
  #handler: ResponseHandler | undefined
  #early: string[] = []
  #timer: NodeJS.Timeout | undefined
  #silenceMs = 0
  #isDeclined = false
  #hasBegun = false
  #isOver = false

  /** @param id of a response that the server has begun by itself */
  constructor(
    context: RequestContext,
    writer: EventWriter,
    port: TurnPort,
    more: { id?: string; eventId?: string },
  ) {
    this.context = context
    this.writer = writer
    this.id = more.id
    this.#eventId = more.eventId
    this.#port = port
    let settle = () => {}
    this.sent = new Promise((resolve) => {
      settle = resolve
    })
    this.#settleSent = settle
    void writer.over.then(() => this.#end())
  }

  get isAttached(): boolean {
    return this.#handler !== undefined && !this.#isOver
  }

  /** Sends the request to the server, unless that has begun by itself. */
  attach({ body, firstByteMs, silenceMs }: UpstreamRequest, handler: ResponseHandler): UpstreamStream {
    this.#handler = handler
    this.#silenceMs = silenceMs
    if (this.id === undefined) {
      this.#port.sendToServer({
        type: 'response.create',
        ...(this.#eventId === undefined ? {} : { event_id: this.#eventId }),
        response: body.response ?? {},
      })
      this.#wait(firstByteMs)
    } else this.#wait(silenceMs)
    // The relay must know its stream before it hears of it.
    queueMicrotask(() => this.#begin())
    return {
      pause: () => this.#port.pauseServer(),
      resume: () => this.#port.resumeServer(),
      abort: () => this.#abort(),
    }
  }

  /** Takes an event of the response, or one between its events. */
  feed(event: string): void {
    if (this.#isOver) return
    this.#wait(this.#silenceMs)
    if (!this.#hasBegun) this.#early.push(event)
    else this.#handler?.data(Buffer.from(`${event}\n`))
  }

  /** The server has answered with an error instead of a response. */
  decline(): void {
    this.#isDeclined = true
  }

  /** The server is gone. */
  fail(refusal: Refusal): void {
    if (this.#handler && !this.#isOver) this.#handler.fail(refusal)
    this.#end()
  }

  #begin(): void {
    this.#settleSent()
    if (this.#isOver) return
    this.#handler?.head(200, () => undefined)
    this.#hasBegun = true
    const early = this.#early
    this.#early = []
    for (const event of early) this.feed(event)
  }

  #abort(): void {
    if (this.#isOver) return
    if (this.#isDeclined && this.id === undefined) {
      this.#end()
      return
    }
    this.#port.sendToServer({
      type: 'response.cancel',
      ...(this.id === undefined ? {} : { response_id: this.id }),
    })
    this.#port.forget(this.id)
    this.#end()
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer)
    if (ms === 0) return
    const refusal = new Refusal('upstream_timeout', { detail: 'a response over a WebSocket' })
    this.#timer = setTimeout(() => this.#handler?.fail(refusal), ms)
  }

  #end(): void {
    this.#isOver = true
    this.#early = []
    clearTimeout(this.#timer)
    this.#settleSent()
  }
}
