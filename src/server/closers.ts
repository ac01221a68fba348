/** What a gateway must close when it stops, or when it cannot start. */
type Close = () => Promise<unknown> | unknown

/** Collects what closes the parts of a gateway. */
export class Closers {
  readonly #closers: Close[] = []

  /** Adds what closes a part that was just opened. */
  add(...closers: readonly Close[]): void {
    this.#closers.push(...closers)
  }

  /**
   * Closes everything in the reverse order, each thing once. What fails keeps nothing else open.
   * @throws the first error, after everything was closed
   */
  async closeAll(): Promise<void> {
    const failures: unknown[] = []
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
