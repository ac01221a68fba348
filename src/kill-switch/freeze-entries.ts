/** All orders there are, by subject. The latest of each holds; of two at the same time the one that freezes. */
import { type FreezeEntry, isInForce, subjectOf } from './freeze-entry.ts'

export type Orders = ReadonlyMap<string, FreezeEntry>

/** Orders that are over are kept, so that an old copy does not bring back what they lifted. */
const keepMs = 90 * 86_400_000
const max = 2000

/** Whether what this one is about is frozen. */
export function isHeld(orders: Orders, about: Pick<FreezeEntry, 'kind' | 'name'>, nowMs: number): boolean {
  const order = orders.get(subjectOf(about))
  return order !== undefined && isInForce(order, nowMs)
}

/** @returns the orders that are new in `found`, without those that everybody may forget */
export function news(known: Orders, found: Iterable<FreezeEntry>, nowMs: number): FreezeEntry[] {
  return [...found].filter((order) => {
    const before = known.get(subjectOf(order))
    if (!before) return !isForgotten(order, nowMs)
    return order.at > before.at || (order.at === before.at && order.frozen && !before.frozen)
  })
}

export function merged(known: Orders, found: readonly FreezeEntry[], nowMs: number): Orders {
  const all = new Map(known)
  for (const order of news(known, found, nowMs)) all.set(subjectOf(order), order)
  for (const [subject, order] of all) if (isForgotten(order, nowMs)) all.delete(subject)
  // The oldest that are over make room; what is frozen never does.
  const overs = [...all.values()].filter((order) => !isInForce(order, nowMs)).toSorted((a, b) => a.at - b.at)
  for (const order of overs.slice(0, Math.max(0, all.size - max))) all.delete(subjectOf(order))
  return all
}

function isForgotten(order: FreezeEntry, nowMs: number): boolean {
  return !isInForce(order, nowMs) && Math.max(order.at, order.until ?? 0) < nowMs - keepMs
}
