/**
 * An order of a human: this key, role, model, or everything, is frozen, or is not any more. Of two orders about the same
 * the later one holds, wherever they were given, so gateways may learn of them in any order and twice.
 */
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { parsePattern } from '../models/name.ts'
import { createMasker, findSensitive } from '../scan/mask.ts'

export const frozenKinds = ['key', 'role', 'model', 'all'] as const
export type FrozenKind = (typeof frozenKinds)[number]

const name = Type.String({ maxLength: 512, pattern: '^[^\\p{C}]*$' })
const words = Type.String({ minLength: 1, maxLength: 512 })

export const orderSchema = Type.Object(
  {
    kind: Type.Enum([...frozenKinds]),
    /** A key's id, a role, a model or pattern of models; empty for `all`. */
    name,
    frozen: Type.Boolean(),
    why: words,
    by: words,
    /** Epoch milliseconds. */
    at: Type.Integer({ minimum: 0 }),
    /** When it ends by itself; null: never. */
    until: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  },
  { additionalProperties: false },
)
export type Order = Static<typeof orderSchema>

export function isOrder(value: unknown): value is Order {
  return Value.Check(orderSchema, value)
}

/** What an order is about; there is one order for each. */
export function subjectOf({ kind, name }: Pick<Order, 'kind' | 'name'>): string {
  return `${kind}:${name}`
}

export function isInForce({ frozen, until }: Order, nowMs: number): boolean {
  return frozen && (until === null || nowMs < until)
}

export interface Wish {
  readonly kind: FrozenKind
  readonly name: string
  readonly frozen: boolean
  readonly why: string
  readonly by: string
  readonly forMs: number | undefined
}

const idForm = /^[0-9A-Za-z]{4,32}$/

/** @returns what is wrong with it, in a sentence */
export function faultOf({ kind, name, why, by }: Wish): string | undefined {
  if (kind === 'all') return name === '' ? undefined : '`all` has no name'
  if (name === '') return `which ${kind}?`
  if (kind === 'key' && !idForm.test(name)) return 'that is not the id of a key'
  if (kind === 'model' && !parsePattern(name)) return 'that is no name or pattern of a local model'
  const tooLong = [name, why, by].some((text) => text.length > 512 || /\p{C}/u.test(text))
  return tooLong ? 'at most 512 characters each, none of them a control character' : undefined
}

/** The order after `before`, whoever's clock that was. What people write may hold what must not be kept. */
export function orderOf(wish: Wish, before: Order | undefined, nowMs: number): Order {
  const { mask } = createMasker(findSensitive)
  const at = Math.max(nowMs, (before?.at ?? 0) + 1)
  return {
    kind: wish.kind,
    name: wish.name,
    frozen: wish.frozen,
    why: mask(wish.why),
    by: mask(wish.by),
    at,
    until: wish.forMs === undefined ? null : nowMs + wish.forMs,
  }
}
