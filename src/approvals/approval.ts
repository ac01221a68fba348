/**
 * A question to a human: may this caller make exactly this call? The yes is bound to a digest of who, which tool, which
 * arguments, which model and which policy, so it is of no use for anything else; it is used once, and ends by itself.
 * The digest never leaves the store: of short arguments that were masked it would tell too much.
 */
import { hash } from 'node:crypto'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { randomHex } from '../core/random.ts'
import type { SensitiveFinder } from '../detect/sensitive/finder.ts'
import { createMasker, findSensitive, shippedFinder } from '../detect/sensitive/mask.ts'
import { canonical } from '../tool-policy/arguments.ts'

const maxWordsLength = 512
const maxNameLength = 256
const name = Type.String({ maxLength: 512 })
const time = Type.Integer({ minimum: 0, maximum: 8.64e15 })
const words = Type.Union([Type.String({ maxLength: 2 * maxWordsLength }), Type.Null()])

const idForm = '^ap_[0-9a-f]{20}$'
const idPattern = new RegExp(idForm)
const approvalSchema = Type.Object(
  {
    id: Type.String({ pattern: idForm }),
    digest: Type.String({ pattern: '^[\\w-]{43}$' }),
    state: Type.Enum(['pending', 'approved', 'denied']),
    identity: Type.Object({ kind: name, id: name, name, role: name }, { additionalProperties: false }),
    /** Whose question it is: of a token, its key's. */
    holder: name,
    /** The id of the request that asked first, as it stands in that one's record; null: an earlier version did. */
    request: Type.Union([Type.String({ pattern: '^[\\w.-]{1,64}$' }), Type.Null()]),
    tool: name,
    /** Masked. */
    arguments: Type.String(),
    /** As they are, if the policy wants approvers to see that. */
    plain: Type.Union([Type.String(), Type.Null()]),
    model: name,
    policy: name,
    /** Epoch milliseconds. */
    asked: time,
    /** From when on it is nothing any more. */
    until: time,
    by: words,
    why: words,
  },
  { additionalProperties: false },
)

/** A question to a human, and what became of it. */
export type Approval = Static<typeof approvalSchema>

/**
 * Reads an approval from a file or from Redis.
 * @returns undefined if it is none. What an earlier version asked is nobody's in particular, and over in
 * minutes.
 */
export function readApproval(value: JsonValue | undefined): Approval | undefined {
  const whole = isObject(value) ? { holder: '', request: null, ...value } : value
  return Value.Check(approvalSchema, whole) ? whole : undefined
}

/** Whether a text has the form of an approval's id. */
export function isApprovalId(text: string): boolean {
  return idPattern.test(text)
}

/** The call that somebody wants to make. */
export interface ApprovalRequest {
  readonly identity: Approval['identity']
  readonly holder: string
  /** The id of the request in whose answer it stands. */
  readonly request: string
  readonly tool: string
  readonly arguments: JsonObject
  /** Canonical. */
  readonly model: string
  /** Version of the policy that judges. */
  readonly policy: string
  /** Of what is masked in it; absent: what is shipped. */
  readonly finder?: SensitiveFinder
}

/** Makes the question of a request, without its times, which the store gives it. */
export function approvalOf(wish: ApprovalRequest, shows: 'masked' | 'plain'): Approval {
  const { identity, holder, request, tool, model, policy, finder = shippedFinder } = wish
  const { mask } = createMasker((text) => finder.find(text))
  const text = canonical(wish.arguments)
  const { kind, id, name, role } = identity
  return {
    id: `ap_${randomHex(10)}`,
    digest: hash('sha256', JSON.stringify([kind, id, role, tool, text, model, policy]), 'base64url'),
    state: 'pending',
    identity: { kind, id, name, role },
    holder,
    request,
    tool: mask(tool).slice(0, maxNameLength),
    arguments: mask(text),
    plain: shows === 'plain' ? text : null,
    model: mask(model).slice(0, maxNameLength),
    policy,
    asked: 0,
    until: 0,
    by: null,
    why: null,
  }
}

/** A human's answer. */
export interface Decision {
  readonly state: 'approved' | 'denied'
  readonly by: string
  readonly why: string | null
}

/** Masks and shortens a decision: what people write may hold what must not be kept. */
export function decisionOf({ state, by, why }: Decision): Decision {
  const { mask } = createMasker(findSensitive)
  const short = (text: string) => mask(text).slice(0, maxWordsLength)
  return { state, by: short(by), why: why === null ? null : short(why) }
}

/** Makes an approval as it may be shown: without its digest. */
export function publicly({ digest: _, plain, asked, until, ...shown }: Approval, shows: 'masked' | 'plain') {
  const times = { asked: new Date(asked).toISOString(), until: new Date(until).toISOString() }
  return { ...shown, arguments: shows === 'plain' ? (plain ?? shown.arguments) : shown.arguments, ...times }
}
