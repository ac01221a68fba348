/** What was frozen and let go since the log told of it last, as events; whoever ordered it, and whether or not a gate ran. */
import Type, { type Static } from 'typebox'
import { type FreezeEntry, isInForce, subjectOf } from './freeze-entry.ts'

/** Of each subject the order that the log tells of. */
export const knownOrdersSchema = Type.Record(
  Type.String(),
  Type.Object({ at: Type.Number(), until: Type.Union([Type.Number(), Type.Null()]), frozen: Type.Boolean() }),
)
export type KnownOrders = Static<typeof knownOrdersSchema>

export interface OrderEvent {
  readonly event: 'frozen' | 'unfrozen'
  readonly details: object
  readonly atMs: number
}

export function knownOrdersOf(orders: Iterable<FreezeEntry>): KnownOrders {
  return Object.fromEntries(
    [...orders].map((order) => {
      const { at, until, frozen } = order
      return [subjectOf(order), { at, until, frozen }]
    }),
  )
}

/** @param known undefined at the first start: then only what is in force is news */
export function orderNews(
  known: KnownOrders | undefined,
  orders: Iterable<FreezeEntry>,
  nowMs: number,
): OrderEvent[] {
  return [...orders].flatMap((order) => {
    const { kind, name, why, by, at, until, frozen } = order
    const before = known?.[subjectOf(order)]
    if (before && before.at >= at && before.frozen === frozen) return []
    if (!known && !isInForce(order, nowMs)) return []
    // To lift what is not frozen changes nothing.
    if (!frozen && !(before && isInForce(before, at))) return []
    const details = {
      kind,
      name,
      why,
      by,
      ordered: new Date(at).toISOString(),
      until: until === null ? null : new Date(until).toISOString(),
    }
    return [{ event: frozen ? 'frozen' : 'unfrozen', details, atMs: at }]
  })
}
