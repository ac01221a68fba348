/** Settlements that Redis did not take, kept until it does. Bounded: past that the oldest run out by their lease. */
import type { Settlement } from '../store.ts'

/** Settlements that Redis is told later. */
export interface SettlementRetryQueue {
  keep(settlement: Settlement): void
  /** Sends all of them, some at a time. What fails is kept again. */
  flush(): void
  close(): void
}

const max = 10_000
const atOnce = 100
/** A single call may come too late although Redis answers everybody else. */
const retryMs = 1000

/**
 * Makes an empty queue.
 * @param send tells Redis
 * @param onDropped told how many had to make room
 */
export function createSettlementRetryQueue(
  send: (settlement: Settlement) => Promise<unknown>,
  onDropped: (count: number) => void,
): SettlementRetryQueue {
  let waiting: Settlement[] = []
  let flushing = false
  let retry: NodeJS.Timeout | undefined

  const keep = (settlement: Settlement) => {
    waiting.push(settlement)
    retry ??= setTimeout(() => void flush(), retryMs).unref()
    const surplus = waiting.length - max
    if (surplus <= 0) return
    waiting.splice(0, surplus)
    onDropped(surplus)
  }

  const flush = async () => {
    if (flushing) return
    flushing = true
    clearTimeout(retry)
    retry = undefined
    let failed = false
    while (waiting.length > 0 && !failed) {
      const batch = waiting.slice(0, atOnce)
      waiting = waiting.slice(atOnce)
      await Promise.all(
        batch.map((settlement) =>
          send(settlement).catch(() => {
            failed = true
            keep(settlement)
          }),
        ),
      )
    }
    flushing = false
  }

  return { keep, flush: () => void flush(), close: () => clearTimeout(retry) }
}
