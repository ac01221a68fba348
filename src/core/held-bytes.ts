/**
 * One budget for all that requests hold in memory at once: bodies, answers that are not yet whole, what waits for a guard or
 * a human. Each is bounded by itself; this bounds their sum. Whoever asks for more than is left is refused or cut, so that a
 * few large ones cannot end the process for everybody.
 */
import { Refusal } from './refusal.ts'

/** A byte of a body is held as text, as what was read of it, and as what is sent of that. */
const bodyWeight = 4
/** What holds no more than this may use the last tenth, which the large ones must leave. */
const small = 1024 * 1024
/** Of all, for the requests of one caller together; a single one may be as large as any. */
const callersShare = 0.75

/** The memory budget of all requests together. */
export class HeldBytes {
  readonly #limit: () => number
  /** By caller, of those that hold something. */
  readonly #byOwner = new Map<string, number>()
  #held = 0
  #free: (() => void) | undefined

  /** @param limit in bytes */
  constructor(limit: () => number) {
    this.#limit = limit
  }

  /** Of all requests together. */
  get held(): number {
    return this.#held
  }

  /** @param free lets go of what only saves work, before a request is refused for want of memory */
  onShortage(free: () => void): void {
    this.#free = free
  }

  open(): Hold {
    return new Hold((before, after, owner) => this.#move(before, after, owner))
  }

  #move(before: number, after: number, owner: string | undefined): void {
    const limit = this.#limit()
    const room = after <= small ? limit : limit * 0.9
    const others = owner === undefined ? 0 : (this.#byOwner.get(owner) ?? 0) - before
    const isTooMuch = others > 0 && after > small && others + after > limit * callersShare
    const isShort = () => after > before && this.#held - before + after > room
    if (isShort()) this.#free?.()
    if ((after > before && isTooMuch) || isShort())
      throw new Refusal('overloaded', {
        say: 'The gateway has reached its memory budget. Try again later.',
        detail: 'memory.budget',
        retryAfterSeconds: 1,
      })
    this.#held += after - before
    if (owner === undefined) return
    if (others + after > 0) this.#byOwner.set(owner, others + after)
    else this.#byOwner.delete(owner)
  }
}

/** What one request holds. */
export class Hold {
  readonly #move: (before: number, after: number, owner: string | undefined) => void
  #owner: string | undefined
  #body = 0
  #answer = 0
  #maxBody = 0
  #isOver = false

  constructor(move: (before: number, after: number, owner: string | undefined) => void) {
    this.#move = move
  }

  /** Whose request it is, told before it holds anything. */
  ownedBy(owner: string): void {
    this.#owner = owner
  }

  /** Bytes of the body at its largest: what it took to read it, also when it is over. */
  get maxBody(): number {
    return this.#maxBody
  }

  /** @param bytes of what was sent and is here by now, to be read @throws Refusal `overloaded` */
  body(bytes: number): void {
    if (bytes > this.#maxBody) this.#maxBody = bytes
    this.#change(bytes * bodyWeight, this.#answer)
  }

  /** @param bytes that its answer takes at this moment @throws Refusal `overloaded` */
  answer(bytes: number): void {
    // Asked for every piece of every stream.
    if (bytes !== this.#answer) this.#change(this.#body, bytes)
  }

  /** The request is over, whatever else is said of it. */
  release(): void {
    this.#change(0, 0)
    this.#isOver = true
  }

  #change(body: number, answer: number): void {
    if (this.#isOver) return
    this.#move(this.#body + this.#answer, body + answer, this.#owner)
    this.#body = body
    this.#answer = answer
  }
}
