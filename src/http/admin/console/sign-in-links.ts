/** Links that sign in once: `npm run demo` prints one. Their secret stands in the fragment, which no server and no log sees. */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'

const maxLinks = 16
const lifeMs = 10 * 60_000

/** Makes links, and takes each once. */
export class SignInLinks {
  readonly #clock: Clock
  /** When each ends, by the digest of its secret; the oldest first. */
  readonly #open = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Makes the secret of a link: 256 random bits, good for ten minutes. */
  make(): string {
    const secret = randomBytes(32).toString('base64url')
    const [oldest] = this.#open.keys()
    if (oldest !== undefined && this.#open.size >= maxLinks) this.#open.delete(oldest)
    this.#open.set(digestOf(secret), this.#clock.monotonicMs() + lifeMs)
    return secret
  }

  /** Uses a link up. @returns whether it was good */
  use(secret: string): boolean {
    const digest = digestOf(secret)
    const untilMs = this.#open.get(digest)
    this.#open.delete(digest)
    return untilMs !== undefined && this.#clock.monotonicMs() < untilMs
  }
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
