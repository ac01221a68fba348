/**
 * Bytes of a response that wait for the end of this turn, so that they are read together: one read of the model server's
 * socket brings many pieces, one for each chunk of the transfer coding.
 */
export class ArrivedBytes {
  readonly #read: (bytes: Buffer) => void
  #pieces: Buffer[] = []

  constructor(read: (bytes: Buffer) => void) {
    this.#read = read
  }

  add(piece: Buffer): void {
    if (this.#pieces.length === 0) queueMicrotask(this.readNow)
    this.#pieces.push(piece)
  }

  /** Reads what has come, if anything has. */
  readonly readNow = () => {
    const [first, ...others] = this.#pieces
    if (first === undefined) return
    this.#pieces = []
    this.#read(others.length === 0 ? first : Buffer.concat([first, ...others]))
  }
}
