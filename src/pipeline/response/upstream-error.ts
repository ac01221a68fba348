/** An error that a model server answers with: its beginning is read for what the client may be told of it. */
import type { Refusal } from '../../core/refusal.ts'
import { serverError } from '../../dialects/common/server-errors.ts'

/** Bytes that are read, and how long they are waited for. */
const maxBytes = 4096
const maxMs = 5000

/** Reads one error. */
export class UpstreamError {
  readonly #status: number
  readonly #retryAfter: string | undefined
  readonly #onRead: () => void
  readonly #timer: NodeJS.Timeout
  #body = ''

  /** @param onRead told when enough was read, or was waited for: whatever else comes must not keep the slot */
  constructor(status: number, retryAfter: string | undefined, onRead: () => void) {
    this.#status = status
    this.#retryAfter = retryAfter
    this.#onRead = onRead
    this.#timer = setTimeout(onRead, maxMs)
  }

  add(bytes: Buffer): void {
    this.#body += bytes.toString('utf8', 0, maxBytes)
    if (this.#body.length >= maxBytes) this.#onRead()
  }

  /** What the client is told. */
  get refusal(): Refusal {
    return serverError(this.#status, this.#body, this.#retryAfter)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
