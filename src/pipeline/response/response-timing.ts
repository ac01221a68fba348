/** Told when the response begins to wait for a human, and how long that took. */
export interface HumanWaits {
  readonly waits?: (() => void) | undefined
  readonly waited?: ((ms: number) => void) | undefined
}

/** When a response began, in milliseconds since its request arrived. */
export class ResponseTiming {
  readonly #sinceArrivalMs: () => number
  readonly #humans: HumanWaits
  #headMs: number | undefined
  #firstByteMs: number | undefined
  #firstTokenMs: number | undefined
  /** That humans took to decide. */
  #humansMs = 0

  constructor(sinceArrivalMs: () => number, humans: HumanWaits) {
    this.#sinceArrivalMs = sinceArrivalMs
    this.#humans = humans
  }

  /** When the model server began its response. */
  get headMs(): number | undefined {
    return this.#headMs
  }

  /** When the first byte was sent to the client. */
  get firstByteMs(): number | undefined {
    return this.#firstByteMs
  }

  /** Of a stream: the same, without the time that humans took to decide. */
  get firstTokenMs(): number | undefined {
    return this.#firstTokenMs
  }

  /** Notes the model server's first word; later ones change nothing. */
  noteHead(): void {
    this.#headMs ??= this.#sinceArrivalMs()
  }

  /** Notes the first byte to the client; later ones change nothing. */
  noteFirstByte(isStream: boolean): void {
    if (this.#firstByteMs !== undefined) return
    this.#firstByteMs = this.#sinceArrivalMs()
    if (isStream) this.#firstTokenMs = this.#firstByteMs - this.#humansMs
  }

  /** Takes the time until a human has decided. */
  waitForHuman(decided: Promise<unknown>): void {
    const sinceMs = this.#sinceArrivalMs()
    this.#humans.waits?.()
    const over = () => {
      const ms = this.#sinceArrivalMs() - sinceMs
      this.#humansMs += ms
      this.#humans.waited?.(ms)
    }
    decided.then(over, over)
  }
}
