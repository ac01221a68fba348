/** Messages of one socket, taken one after the other. What waits is bounded, because the socket is not read meanwhile. */
import type { Valve } from './valve.ts'

/** Above these, the socket is not read. One read of a socket may bring a few more messages. */
const maxMessages = 16
const maxLength = 256 * 1024

/** Takes messages in order, the next one when the one before is done. */
export class MessageQueue {
  readonly #valve: Valve
  readonly #take: (message: string) => Promise<void> | undefined
  #waiting: string[] = []
  #length = 0
  #isTaking = false
  #isClosed = false

  /** @param take handles a message; must not reject */
  constructor(valve: Valve, take: (message: string) => Promise<void> | undefined) {
    this.#valve = valve
    this.#take = take
  }

  add(message: string): void {
    if (this.#isClosed) return
    this.#waiting.push(message)
    this.#length += message.length
    if (!this.#isTaking) this.#pump()
    else if (this.#waiting.length > maxMessages || this.#length > maxLength) this.#valve.close('queue')
  }

  /** Drops what waits. */
  close(): void {
    this.#isClosed = true
    this.#waiting = []
    this.#length = 0
  }

  #pump(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#length -= next.length
      const taken = this.#take(next)
      if (!taken) continue
      this.#isTaking = true
      void taken.then(() => {
        this.#isTaking = false
        this.#pump()
      })
      return
    }
    this.#valve.open('queue')
  }
}
