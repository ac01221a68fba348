/** All orders there are, by subject. The latest of each holds; of two at the same time the one that freezes. */
import { type Order, subjectOf } from './order.ts'

export type Orders = ReadonlyMap<string, Order>

/** Orders that are over are kept, so that an old copy does not bring back what they lifted. */
const keepMs = 90 * 86_400_000
const most = 2000

/** @returns the orders that are new in `found` */
export function news(known: Orders, found: Iterable<Order>): Order[] {
  return [...found].filter((order) => {
    const before = known.get(subjectOf(order))
    return !before || order.at > before.at || (order.at === before.at && order.frozen && !before.frozen)
  })
}

/** @throws Error if there would be too many */
export function merged(known: Orders, found: readonly Order[], nowMs: number): Orders {
  const all = new Map(known)
  for (const order of news(known, found)) all.set(subjectOf(order), order)
  for (const [subject, { frozen, at, until }] of all) {
    const over = !frozen || (until !== null && until <= nowMs)
    if (over && Math.max(at, until ?? 0) < nowMs - keepMs) all.delete(subject)
  }
  if (all.size > most) throw new Error(`there are more than ${most} orders to freeze something`)
  return all
}
