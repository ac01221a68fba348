/** Digests in the place of networks: what is kept of a caller's network can be compared, and is no address. */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

const maxKept = 4096
/** 72 bits: enough that no two networks of a gateway meet. */
const digestLength = 12

/** Makes digests, and remembers the latest. */
export class NetworkDigests {
  readonly #digests = new LRUCache<string, string>({ max: maxKept })
  readonly #salt: string

  constructor(salt: string) {
    this.#salt = salt
  }

  /** Returns the digest of a network such as `10.1.2.0/24`. */
  of(network: string): string {
    const known = this.#digests.get(network)
    if (known !== undefined) return known
    const digest = hash('sha256', `${this.#salt} ${network}`, 'base64url').slice(0, digestLength)
    this.#digests.set(network, digest)
    return digest
  }
}
