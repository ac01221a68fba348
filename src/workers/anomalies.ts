/** What a worker tells its primary for the watch for anomalies: observations, once a second. */
import { type ObservationBatch, ObservationQueue } from '../anomalies/observation-queue.ts'
import type { Channel, Handlers } from './channel.ts'

/** Three megabytes a second at most. */
const maxWaiting = 5000

/** Sends what a worker has observed. */
export class ObservationSender {
  readonly #queue = new ObservationQueue(maxWaiting)
  readonly #channel: Channel
  readonly #timer: NodeJS.Timeout

  /** @param everyMs between two messages, in milliseconds */
  constructor(channel: Channel, everyMs: number) {
    this.#channel = channel
    this.#timer = setInterval(() => this.#send(), everyMs)
    this.#timer.unref()
  }

  get queue(): ObservationQueue {
    return this.#queue
  }

  /** Sends what waits. */
  close(): void {
    clearInterval(this.#timer)
    this.#send()
  }

  #send(): void {
    const batch = this.#queue.take()
    if (batch.observations.length > 0 || batch.dropped > 0) this.#channel.tell('anomalies.observed', [batch])
  }
}

/** What a primary does with it. */
export function serveObservations(take: (batch: ObservationBatch) => void): Handlers {
  return { 'anomalies.observed': (batch: ObservationBatch) => take(batch) }
}
