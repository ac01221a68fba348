/**
 * An order of a human: this key, role, model, or everything, is frozen, or is not any more. Of two orders about the same
 * the later one holds, wherever they were given, so gateways may learn of them in any order and twice.
 */
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { isCallerId } from '../core/key-id.ts'
import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'
import { parsePattern } from '../models/name.ts'

export const frozenKinds = ['key', 'role', 'model', 'all'] as const
export type FrozenKind = (typeof frozenKinds)[number]

export function isFrozenKind(text: string): text is FrozenKind {
  return frozenKinds.some((kind) => kind === text)
}

const maxLength = 512
/** Of a date. */
const latest = 8.64e15
const name = Type.String({ maxLength: maxLength })
const words = Type.String({ minLength: 1, maxLength: maxLength })

const orderSchema = Type.Object(
  {
    kind: Type.Enum([...frozenKinds]),
    /** A key's id, a role, a model or pattern of models; empty for `all`. */
    name,
    frozen: Type.Boolean(),
    why: words,
    by: words,
    /** Epoch milliseconds. */
    at: Type.Integer({ minimum: 0, maximum: latest }),
    /** When it ends by itself; null: never. */
    until: Type.Union([Type.Integer({ minimum: 0, maximum: latest }), Type.Null()]),
  },
  { additionalProperties: false },
)
export type FreezeEntry = Static<typeof orderSchema>

export function isOrder(value: unknown): value is FreezeEntry {
  return Value.Check(orderSchema, value) && faultOf(value) === undefined
}

/** What an order is about; there is one order for each. */
export function subjectOf({ kind, name }: Pick<FreezeEntry, 'kind' | 'name'>): string {
  return `${kind}:${name}`
}

export function isInForce({ frozen, until }: Pick<FreezeEntry, 'frozen' | 'until'>, nowMs: number): boolean {
  return frozen && (until === null || nowMs < until)
}

/** What people write of it. */
type Said = Pick<FreezeRequest, 'kind' | 'name' | 'why' | 'by'>

export interface FreezeRequest {
  readonly kind: FrozenKind
  readonly name: string
  readonly frozen: boolean
  readonly why: string
  readonly by: string
  readonly forMs: number | undefined
}

/** Ten years: what is meant for longer has no end. */
const maxMs = 10 * 365 * 86_400_000

/** @returns what is wrong with it, in a sentence */
export function faultOf({
  kind,
  name,
  why,
  by,
  forMs = 0,
}: Partial<FreezeRequest> & Said): string | undefined {
  if (forMs > maxMs) return 'A freeze may last ten years at most.'
  if (kind === 'all' && name !== '') return '`all` takes no name.'
  if (kind !== 'all' && name === '') return `Name the ${kind}.`
  if (why.trim() === '' || by.trim() === '') return 'The reason or the author is missing.'
  if (kind === 'key' && !isCallerId(name)) return 'This is not a key id.'
  if (kind === 'model' && !parsePattern(name)) return 'This is not a name or pattern of a local model.'
  const tooLong = [name, why, by].some((text) => text.length > maxLength || /\p{C}/u.test(text))
  return tooLong
    ? 'Name, reason and author may have up to 512 characters each, and no control characters.'
    : undefined
}

/** The order after `before`, whoever's clock that was. What people write may hold what must not be kept. */
export function orderOf(wish: FreezeRequest, before: FreezeEntry | undefined, nowMs: number): FreezeEntry {
  const { mask } = createMasker(findSensitive)
  const at = Math.max(nowMs, (before?.at ?? 0) + 1)
  return {
    kind: wish.kind,
    name: wish.name,
    frozen: wish.frozen,
    why: mask(wish.why).slice(0, maxLength),
    by: mask(wish.by).slice(0, maxLength),
    at,
    until: wish.forMs === undefined ? null : nowMs + wish.forMs,
  }
}
