/** The client's side of one request within a session: its body is the conversation, its response becomes events. */
import { Refusal } from '../../core/refusal.ts'
import { toPublicError } from '../../dialects/dialect.ts'
import { refusalEvent } from '../../dialects/realtime/errors.ts'
import type { Form, ResponseWriter } from '../ports.ts'
import type { EventSocket } from './ports.ts'

/** What a writer needs of its session. */
export interface EventWriterOptions {
  readonly client: EventSocket
  readonly body: string
  /** Of the event that the client has sent, for the error that answers it. */
  readonly eventId: string | undefined
  failedLogin(): Promise<void>
  /** The response cannot be completed. */
  broken(): void
}

/** Writes what one request within a session is answered. */
export class EventWriter implements ResponseWriter {
  readonly announcedBytes: number
  readonly parameter = ''
  readonly #options: EventWriterOptions
  readonly #body: Buffer
  readonly #settle: () => void
  /** Resolves when nothing more is written. */
  readonly over: Promise<void>
  refusal: Refusal | undefined

  constructor(options: EventWriterOptions) {
    this.#options = options
    this.#body = Buffer.from(options.body)
    this.announcedBytes = this.#body.length
    let settle = () => {}
    this.over = new Promise((resolve) => {
      settle = resolve
    })
    this.#settle = settle
  }

  async body(limit: number): Promise<Buffer> {
    if (this.#body.length <= limit) return this.#body
    throw new Refusal('body_too_large', {
      say: `The conversation has more than ${limit} bytes (\`caps.body\`). Delete items, or begin a new session.`,
    })
  }

  form(): Promise<Form> {
    throw new TypeError('a session has no forms')
  }

  upload(): AsyncIterable<Uint8Array> {
    throw new TypeError('a session has no uploads')
  }

  failedLogin(): Promise<void> {
    return this.#options.failedLogin()
  }

  begin(): void {}

  write(data: string | Uint8Array): boolean {
    let keepsUp = true
    for (const event of String(data).split('\n')) if (event !== '') keepsUp = this.#options.client.send(event)
    return keepsUp
  }

  onDrain(resume: () => void): void {
    this.#options.client.onDrain(resume)
  }

  end(data: string | Uint8Array): void {
    this.write(data)
    this.#settle()
  }

  break(): void {
    this.#options.broken()
    this.#settle()
  }

  refuse(refusal: Refusal): void {
    this.refusal = refusal
    const { client, eventId } = this.#options
    client.send(JSON.stringify(refusalEvent(toPublicError(refusal, ''), eventId)))
    this.#settle()
  }
}
