/**
 * A log whose writer moves to another chain while requests are recorded. A gateway that is upgraded leaves its log to the
 * one that takes over, and finishes its requests on a chain beside it (`chains.ts`).
 */
import type { Audit } from './audit.ts'

/** A log whose chain can change. */
export interface MovableAudit extends Audit {
  /**
   * Goes on in another chain: what is recorded from now on stands there. Resolves when the chain before is closed.
   * @param onMoved called between the two, to record on the old one where the log goes on
   */
  move(next: Audit, onMoved: (before: Audit) => void): Promise<void>
}

/** @param first where it begins to write */
export function createMovableAudit(first: Audit): MovableAudit {
  let current = first
  return {
    append: (record, content) => current.append(record, content),
    event: (event, details) => current.event(event, details),
    get head() {
      return current.head
    },
    rotate: () => current.rotate(),
    durable: () => current.durable(),
    configure: (sync, segmentBytes) => current.configure(sync, segmentBytes),
    writable: () => current.writable(),
    get instance() {
      return current.instance
    },
    get checkpoint() {
      return current.checkpoint
    },
    sign: () => current.sign(),
    erase: (request, id) => current.erase(request, id),
    reconfigure: (settings) => current.reconfigure(settings),
    settled: () => current.settled(),
    close: () => current.close(),
    async move(next, onMoved) {
      const before = current
      current = next
      onMoved(before)
      await before.close()
    },
  }
}
