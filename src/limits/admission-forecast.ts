/**
 * Predicts from the store's latest answer about a caller whether its next request will be admitted. It never decides: a
 * request that is expected to be admitted is counted later, together with its reservation, and a wrong guess has only read a
 * body in vain. No more requests of one caller are deferred than its latest answer left room for.
 */
import { LRUCache } from 'lru-cache'
import type { Admission, AdmissionRequest } from './store.ts'

const maxCallers = 10_000
/** Deferred requests of one caller at the same time: other gateways may have used up what was left. */
const maxDeferred = 32

/** What is known of one caller. */
interface Room {
  /** How many more the latest answer left. */
  left: number
  /** How many requests are deferred and not counted yet. */
  deferred: number
}

/** Remembers the latest answer about each caller. */
export class AdmissionForecast {
  readonly #rooms = new LRUCache<string, Room>({ max: maxCallers })
  readonly #deferred = new WeakMap<AdmissionRequest, Room>()

  /** @returns whether to ask later; if so, `follow`, `asked` or `failed` must be called */
  defer(entry: AdmissionRequest): boolean {
    const room = this.#rooms.get(nameOf(entry))
    if (!room || room.deferred >= Math.min(room.left, maxDeferred)) return false
    room.deferred++
    this.#deferred.set(entry, room)
    return true
  }

  /**
   * Notes the store's answer when it comes, and passes it on.
   * @param admissionIn finds the admission in the answer
   * @throws what `answer` rejects with
   */
  async follow<T>(
    entry: AdmissionRequest,
    answer: Promise<T>,
    admissionIn: (answer: T) => Admission,
  ): Promise<T> {
    try {
      const found = await answer
      this.asked(entry, admissionIn(found))
      return found
    } catch (error) {
      this.failed(entry)
      throw error
    }
  }

  /** Notes the store's answer. */
  asked(entry: AdmissionRequest, { outcome, trial, standing }: Admission): void {
    this.#note(entry, outcome === 'admitted' && !trial ? (standing?.remaining ?? maxDeferred) : 0)
  }

  /** The store has not answered: whoever comes next asks at once. */
  failed(entry: AdmissionRequest): void {
    this.#note(entry, 0)
  }

  #note(entry: AdmissionRequest, left: number): void {
    const waited = this.#deferred.get(entry)
    if (waited) {
      waited.deferred--
      this.#deferred.delete(entry)
    }
    const name = nameOf(entry)
    const room = this.#rooms.get(name)
    if (room) room.left = left
    else if (left > 0) this.#rooms.set(name, { left, deferred: 0 })
  }
}

/** Names everything that must have room: a caller, with its role and tokens. */
function nameOf({ kind, limits, breaker }: AdmissionRequest): string {
  let name = kind + (breaker ? ` ${breaker.account.name}` : '')
  for (const { account } of limits) name += ` ${account.scope}:${account.name}`
  return name
}
