/** Reads from a socket unless there is a reason not to. */
import type { EventSocket } from './ports.ts'

/** Why a socket is not read: its messages wait, the other side does not keep up, or a relay has asked for it. */
export type PauseReason = 'queue' | 'other side' | 'relay'

/** Pauses one socket for several reasons at once. */
export class Valve {
  readonly #socket: Pick<EventSocket, 'pause' | 'resume'>
  readonly #reasons = new Set<PauseReason>()

  constructor(socket: Pick<EventSocket, 'pause' | 'resume'>) {
    this.#socket = socket
  }

  close(reason: PauseReason): void {
    if (this.#reasons.size === 0) this.#socket.pause()
    this.#reasons.add(reason)
  }

  open(reason: PauseReason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#socket.resume()
  }
}
