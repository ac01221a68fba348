/**
 * The lock file: which version of each model was taken into use, by digest. Written by `torwart models lock` and
 * `accept`, replaced whole, and read strictly: what two readers could take for two things is refused.
 */
import { type FieldChecks, isText, optional, wrongField } from '../../core/fields.ts'
import { type ServerKind, serverKinds } from '../../core/servers.ts'
import { canonicalFor } from '../../models/name.ts'
import { type ModelFacts, type Part, type PartKind, partKinds } from '../parts.ts'

/** Why a version replaced another. */
export interface Acceptance {
  readonly why: string
  /** Who, as they said. */
  readonly by: string
  /** RFC 3339. */
  readonly at: string
  /** The digest that was in the lock before; absent: the model was not. */
  readonly was?: string
}

/** A version of a model that may be served. */
export interface LockedModel extends ModelFacts {
  /** Canonical for its kind of server. */
  readonly name: string
  readonly kind: ServerKind
  /** Name of the model server that it was read from; others of the kind may serve the same digest. */
  readonly upstream: string
  /** Of the manifest, 64 hexadecimal digits; of LocalAI's models, of all their parts together. */
  readonly digest: string
  readonly parts: readonly Part[]
  /** What the weights' own metadata says, for the record. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Whether the bytes of the parts were hashed, rather than taken from what the server tells. */
  readonly hashed?: boolean
  readonly accepted?: Acceptance
  /** When it was read, RFC 3339. */
  readonly locked: string
}

/** All that a lock file holds. */
export interface Lock {
  readonly models: readonly LockedModel[]
}

/** More are a mistake, or somebody filling memory. */
export const maxLockedModels = 2000
const maxParts = 256
const maxMetadata = 64

const isDigest = isText(64, /^[0-9a-f]{64}$/)
const isTime = (value: unknown) =>
  isText(32, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)(value) && !Number.isNaN(Date.parse(String(value)))
const isKind = (value: unknown): value is ServerKind => serverKinds.some((kind) => kind === value)
const isPartKind = (value: unknown): value is PartKind => partKinds.some((kind) => kind === value)
const isSize = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
const isFact = optional(isText(512))

const partChecks: FieldChecks<Part> = {
  kind: isPartKind,
  sha256: isDigest,
  size: optional(isSize),
  path: optional(isText(1024)),
}

const acceptanceChecks: FieldChecks<Acceptance> = {
  why: isText(1024),
  by: isText(128),
  at: isTime,
  was: optional(isDigest),
}

const isListOf = (check: (value: unknown) => boolean, max: number) => (value: unknown) =>
  Array.isArray(value) && value.length <= max && value.every(check)

const isMetadata = (value: unknown) =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length <= maxMetadata &&
  Object.entries(value).every(([key, each]) => key.length <= 128 && isText(2048)(each))

const modelChecks: FieldChecks<LockedModel> = {
  name: isText(512),
  kind: isKind,
  upstream: isText(128),
  digest: isDigest,
  size: optional(isSize),
  family: isFact,
  parameterSize: isFact,
  quantisation: isFact,
  parent: isFact,
  parts: isListOf((part) => wrongField(part, partChecks) === undefined, maxParts),
  metadata: optional(isMetadata),
  hashed: optional((value) => typeof value === 'boolean'),
  accepted: optional((value) => wrongField(value, acceptanceChecks) === undefined),
  locked: isTime,
}

/** Tells what is wrong with an entry of a lock file; undefined: nothing. */
export function faultOfModel(value: unknown): string | undefined {
  const wrong = wrongField(value, modelChecks)
  if (wrong === '') return 'is not a mapping'
  if (wrong !== undefined) return `has an invalid, missing or unknown \`${wrong}\``
  const { name, kind } = value as LockedModel
  return canonicalFor(kind, name) === name ? undefined : `has a \`name\` that is not in its canonical form`
}

/** What sets an entry apart: a model may be locked once at each model server. */
export function placeOf({ name, kind, upstream }: Pick<LockedModel, 'name' | 'kind' | 'upstream'>): string {
  return JSON.stringify([kind, name, upstream])
}

/**
 * Finds the entry that a model at a server must equal: that of the server itself, or else that of another server of the
 * same kind, because the same digest is the same model. Of several others, the one with this digest.
 */
export function lockedAt(
  lock: Lock,
  served: Pick<LockedModel, 'name' | 'kind' | 'upstream'> & { readonly digest: string | undefined },
): LockedModel | undefined {
  const same = byNameOf(lock).get(`${served.kind} ${served.name}`) ?? []
  const own = same.find(({ upstream }) => upstream === served.upstream)
  return own ?? same.find(({ digest }) => digest === served.digest) ?? same[0]
}

/** Every request asks. */
const byName = new WeakMap<Lock, ReadonlyMap<string, readonly LockedModel[]>>()

function byNameOf(lock: Lock): ReadonlyMap<string, readonly LockedModel[]> {
  const known = byName.get(lock)
  if (known) return known
  const made = new Map<string, LockedModel[]>()
  for (const model of lock.models) {
    const key = `${model.kind} ${model.name}`
    made.set(key, [...(made.get(key) ?? []), model])
  }
  byName.set(lock, made)
  return made
}
