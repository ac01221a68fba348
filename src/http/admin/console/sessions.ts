/**
 * The sessions of people who are signed in to the console. They are kept in memory: a restart signs everybody out. Their
 * ids are random and kept as digests, so that no dump of this process is a way in. What a session is good for is asked
 * anew at each request, from the credential that it was opened with.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'
import type { Principal, Session } from '../signed-in.ts'

/** How many sessions there may be, and how long they last. */
export interface SessionBounds {
  readonly all: number
  /** Of one credential. */
  readonly each: number
  readonly idleMs: number
  readonly lifeMs: number
}

const minute = 60_000

/** The bounds of a gateway. */
export const sessionBounds: SessionBounds = {
  all: 256,
  each: 8,
  idleMs: 15 * minute,
  lifeMs: 8 * 60 * minute,
}

/** Where a session may be used from. */
export interface Place {
  /** The `Host` header of the request that opened it. */
  readonly host: string
  /** Whether the page came over TLS, so that the cookie is for TLS only. */
  readonly secure: boolean
}

/** How a request comes that brings the id of a session. */
export interface Visit extends Place {
  /** The address of the client. */
  readonly peer: string
  /** Whether it keeps the session from ending for want of use. */
  readonly isUse: boolean
}

/** What a session is opened with. */
export interface Opening {
  /** The same for all sessions of one credential. */
  readonly owner: string
  /** Returns what the credential is good for now, from this address; undefined: nothing any more. */
  principal(peer: string): Principal | undefined
}

/** A session as it is kept. */
interface Kept extends Opening {
  readonly place: Place
  peer: string
  readonly hash: string
  readonly csrf: string
  readonly untilMs: number
  usedMs: number
  readonly listeners: Set<() => void>
}

/** A session that is going on, and when it ends at the latest. */
export interface OpenSession extends Session {
  /** Epoch milliseconds; it ends sooner if nobody uses it. */
  readonly expiresMs: number
  end(): void
}

const idBytes = 32

/** All sessions of a process. */
export class Sessions {
  readonly #clock: Clock
  readonly #bounds: SessionBounds
  /** The longest unused first. */
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock, bounds: SessionBounds = sessionBounds) {
    this.#clock = clock
    this.#bounds = bounds
  }

  get size(): number {
    return this.#kept.size
  }

  /** Opens a session. Where there are too many, the one that was unused for longest ends. @returns its secret id */
  open({ owner, principal }: Opening, { host, secure, peer }: Visit): string {
    const { all, each, lifeMs } = this.#bounds
    const nowMs = this.#clock.monotonicMs()
    const own = [...this.#kept.values()].filter((kept) => kept.owner === owner)
    if (own[0] && own.length >= each) this.#end(own[0])
    const [oldest] = this.#kept.values()
    if (oldest && this.#kept.size >= all) this.#end(oldest)
    const id = randomBytes(idBytes).toString('base64url')
    const csrf = randomBytes(idBytes).toString('base64url')
    const hash = hashOf(id)
    this.#kept.set(hash, {
      ...{ owner, principal, peer, place: { host, secure } },
      ...{ hash, csrf, untilMs: nowMs + lifeMs, usedMs: nowMs, listeners: new Set() },
    })
    return id
  }

  /** Finds a session by its id. @returns undefined if there is none, it is over, or it is not good here */
  find(id: string, { host, secure, peer, isUse }: Visit): OpenSession | undefined {
    const kept = this.#kept.get(hashOf(id))
    if (!kept || kept.place.host !== host || kept.place.secure !== secure) return undefined
    kept.peer = peer
    const principal = this.#principalOf(kept)
    if (!principal) return undefined
    if (isUse) {
      kept.usedMs = this.#clock.monotonicMs()
      this.#kept.delete(kept.hash)
      this.#kept.set(kept.hash, kept)
    }
    const { csrf, untilMs, listeners } = kept
    return {
      ...{ principal, csrf },
      expiresMs: this.#clock.wallMs() + untilMs - this.#clock.monotonicMs(),
      end: () => this.#end(kept),
      onEnd(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    }
  }

  /** Ends the sessions whose time is over or whose credential is good for nothing any more. */
  sweep(): void {
    for (const kept of [...this.#kept.values()]) this.#principalOf(kept)
  }

  /** Ends all of them. */
  close(): void {
    for (const kept of [...this.#kept.values()]) this.#end(kept)
  }

  #principalOf(kept: Kept): Principal | undefined {
    const nowMs = this.#clock.monotonicMs()
    const isOver = nowMs >= kept.untilMs || nowMs >= kept.usedMs + this.#bounds.idleMs
    const principal = isOver ? undefined : kept.principal(kept.peer)
    if (!principal) this.#end(kept)
    return principal
  }

  #end(kept: Kept): void {
    if (!this.#kept.delete(kept.hash)) return
    for (const listener of kept.listeners) listener()
    kept.listeners.clear()
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}
