/**
 * A freeze entry: somebody has frozen a key, a role, a model, a person or everything, or unfrozen it. Of two entries about the same
 * subject the later one holds, wherever they were issued, so gateways may learn of them in any sequence and twice.
 */
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { isCallerId } from '../core/key-id.ts'
import { personIn } from '../core/person.ts'
import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'
import { parsePattern } from '../models/name.ts'

/** What can be frozen. */
export const frozenKinds = ['key', 'role', 'model', 'person', 'all'] as const

/** One of `frozenKinds`. */
export type FrozenKind = (typeof frozenKinds)[number]

/** Whether a text names something that can be frozen. */
export function isFrozenKind(text: string): text is FrozenKind {
  return frozenKinds.some((kind) => kind === text)
}

const maxLength = 512
/** Of a date. */
const latest = 8.64e15
const name = Type.String({ maxLength: maxLength })
const words = Type.String({ minLength: 1, maxLength: maxLength })

const entrySchema = Type.Object(
  {
    kind: Type.Enum([...frozenKinds]),
    /** A key's id, a role, a model or pattern of models, a person's id in lower case; empty for `all`. */
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
/** One decision to freeze or unfreeze; times in epoch milliseconds. */
export type FreezeEntry = Static<typeof entrySchema>

/** Whether a value from a file or from Redis is a freeze entry. */
export function isFreezeEntry(value: unknown): value is FreezeEntry {
  return Value.Check(entrySchema, value) && faultOf(value) === undefined
}

/** Names what an entry is about; of each subject one entry holds. */
export function subjectOf(about: Pick<FreezeEntry, 'kind' | 'name'>): string {
  return `${about.kind}:${nameIn(about)}`
}

/** Persons are frozen however their ids are written. */
function nameIn({ kind, name }: Pick<FreezeEntry, 'kind' | 'name'>): string {
  return kind === 'person' ? (personIn(name) ?? name) : name
}

/** Whether the entry freezes its subject at `nowMs`. */
export function isInForce({ frozen, until }: Pick<FreezeEntry, 'frozen' | 'until'>, nowMs: number): boolean {
  return frozen && (until === null || nowMs < until)
}

/** The part that people write. */
type Said = Pick<FreezeRequest, 'kind' | 'name' | 'why' | 'by'>

/** What somebody asks for, before it has a time. */
export interface FreezeRequest {
  readonly kind: FrozenKind
  readonly name: string
  readonly frozen: boolean
  readonly why: string
  readonly by: string
  /** After how many milliseconds it ends by itself; undefined: never. */
  readonly forMs: number | undefined
}

/** Ten years: what is meant for longer has no end. */
const maxMs = 10 * 365 * 86_400_000

/** Finds what is wrong with a request. @returns a sentence, or undefined */
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
  if (kind === 'person' && personIn(name) === undefined) return 'This is not the id of a person.'
  if (kind === 'model' && !parsePattern(name)) return 'This is not a name or pattern of a local model.'
  const tooLong = [name, why, by].some((text) => text.length > maxLength || /\p{C}/u.test(text))
  return tooLong
    ? 'Name, reason and author may have up to 512 characters each, and no control characters.'
    : undefined
}

/**
 * Makes the entry of a request. It is later than `before`, by whatever clock that was made. What people wrote is masked.
 * @param before the latest entry about the same subject
 */
export function freezeEntryOf(
  request: FreezeRequest,
  before: FreezeEntry | undefined,
  nowMs: number,
): FreezeEntry {
  const { mask } = createMasker(findSensitive)
  const at = Math.max(nowMs, (before?.at ?? 0) + 1)
  return {
    kind: request.kind,
    name: nameIn(request),
    frozen: request.frozen,
    why: mask(request.why).slice(0, maxLength),
    by: mask(request.by).slice(0, maxLength),
    at,
    until: request.forMs === undefined ? null : nowMs + request.forMs,
  }
}
