/** Takes over from a gateway that was running when this one was started. What is asked for, and when, says `hand-over.ts`. */
import { type Channel, NoAnswer, openChannel } from '../workers/channel.ts'
import type { Predecessor } from './part.ts'
import type { SavedState, Succession } from './succession.ts'

/** It may wait for the disk. */
const answerMs = 60_000

/** A take-over that has begun. */
export class TakeOver {
  readonly #channel: Channel
  readonly #gone: Promise<void>
  /** Whether the gateway before still finishes requests. */
  isUnderWay = true

  private constructor(predecessor: Predecessor) {
    this.#channel = openChannel(predecessor, {})
    this.#gone = new Promise((resolve) =>
      predecessor.onGone(() => {
        this.isUnderWay = false
        this.#channel.close()
        resolve()
      }),
    )
  }

  /** Has the audit log left to this process. @throws Error if the gateway before does not leave it */
  static async begin(predecessor: Predecessor): Promise<TakeOver> {
    const takeOver = new TakeOver(predecessor)
    await takeOver.#ask('upgrade.log')
    return takeOver
  }

  /** Goes on with the counts of the gateway before. For a process that is about to listen. */
  async takeState(succession: Succession | undefined): Promise<void> {
    if (!succession) return
    const restored = this.#ask<SavedState>('upgrade.state').then((saved) => {
      if (saved) succession.restore(saved)
    })
    const release = succession.serve(this.#channel, restored)
    void this.#gone.then(release)
    await restored
  }

  /**
   * Tells the gateway before that this one listens.
   * @param onGone called when that has answered its last request
   */
  async takeClients(onGone: () => void): Promise<void> {
    await this.#ask('upgrade.clients')
    void this.#gone.then(onGone)
  }

  /** @returns undefined if the gateway before is gone: it was killed meanwhile, and this one goes on as after any crash */
  async #ask<T>(name: string): Promise<T | undefined> {
    try {
      return await this.#channel.ask<T>(name, [], answerMs)
    } catch (error) {
      if (error instanceof NoAnswer && !this.isUnderWay) return undefined
      throw error
    }
  }
}
