/**
 * `keys.file`: who holds a key, never the key itself. Written by `torwart key`, mode 0600, replaced whole.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { parse, stringify } from 'yaml'
import { keyIdPattern } from '../core/key-id.ts'
import { replaceFile } from '../files/atomic.ts'
import { isNetwork } from '../policy/networks.ts'

const hash = Type.String({ pattern: '^[0-9a-f]{64}$' })
const time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$' })

const entrySchema = Type.Object(
  {
    id: Type.String({ pattern: keyIdPattern }),
    name: Type.String({ minLength: 1, maxLength: 128 }),
    role: Type.String({ minLength: 1, maxLength: 128 }),
    sha256: hash,
    created: time,
    expires: Type.Optional(time),
    revoked: Type.Optional(time),
    /** Refused since then, unless it was enabled later. */
    disabled: Type.Optional(time),
    enabled: Type.Optional(time),
    /** When it got the secret it has. */
    rotated: Type.Optional(time),
    /** From where it may be used. Absent: from everywhere. */
    networks: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 64 })),
    /** The key before the last rotation, while its grace lasts. */
    previous: Type.Optional(Type.Object({ sha256: hash, until: time }, { additionalProperties: false })),
  },
  { additionalProperties: false },
)
const fileSchema = Type.Object(
  { version: Type.Literal(1), keys: Type.Array(entrySchema) },
  { additionalProperties: false },
)

export type KeyEntry = Static<typeof entrySchema>

/** Whether it could stand in a key file. */
export function isKeyEntry(value: unknown): value is KeyEntry {
  return Value.Check(entrySchema, value) && faultOf(value) === undefined
}

/** What no schema sees: dates that no calendar has would never come. */
function faultOf({ id, networks = [], previous, ...times }: KeyEntry) {
  const { created, expires, revoked, disabled, enabled, rotated } = times
  for (const time of [created, expires, revoked, disabled, enabled, rotated, previous?.until])
    if (time !== undefined && Number.isNaN(Date.parse(time))) return `${id}: no such date: ${time}`
  const strange = networks.find((network) => !isNetwork(network))
  return strange === undefined ? undefined : `${id}: no such network: ${strange}`
}

const header = '# Written by `torwart key`. Holds the SHA-256 of each key, never a key.\n'

/** @returns the entries; none if there is no file yet. @throws TypeError if the file is not what it should be */
export function readKeyFile(path: string): readonly KeyEntry[] {
  if (!existsSync(path)) return []
  const value = parsed(path)
  if (!Value.Check(fileSchema, value)) {
    const [error] = Value.Errors(fileSchema, value)
    throw new TypeError(`${path}: ${error?.instancePath ?? ''} ${error?.message ?? 'is not a key file'}`)
  }
  for (const entry of value.keys) {
    const fault = faultOf(entry)
    if (fault !== undefined) throw new TypeError(`${path}: ${fault}`)
  }
  const ids = new Set(value.keys.map(({ id }) => id))
  if (ids.size !== value.keys.length) throw new TypeError(`${path}: an id stands twice`)
  return value.keys
}

function parsed(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const [what] = String(error instanceof Error ? error.message : error).split(':\n', 1)
    throw new TypeError(`${path}: ${what}`)
  }
}

/**
 * What two versions of one entry come to: it does not matter which is whose. Revoked stays revoked; of secrets, and of
 * disabling and enabling, the later counts.
 */
export function mergedKey(one: KeyEntry, other: KeyEntry): KeyEntry {
  const secretOf = hasLaterSecret(other, one) ? other : one
  const { previous: _, rotated: __, sha256: ___, ...rest } = one
  const revoked = [one.revoked, other.revoked].filter((time) => time !== undefined).sort()[0]
  const disabled = later(one.disabled, other.disabled)
  const enabled = later(one.enabled, other.enabled)
  return {
    ...rest,
    sha256: secretOf.sha256,
    ...(secretOf.rotated === undefined ? {} : { rotated: secretOf.rotated }),
    ...(secretOf.previous === undefined ? {} : { previous: secretOf.previous }),
    ...(revoked === undefined ? {} : { revoked }),
    ...(disabled === undefined ? {} : { disabled }),
    ...(enabled === undefined ? {} : { enabled }),
  }
}

function hasLaterSecret(one: KeyEntry, other: KeyEntry): boolean {
  if (one.rotated !== other.rotated) return isLater(one.rotated, other.rotated)
  return one.sha256 > other.sha256
}

function isLater(one: string | undefined, other: string | undefined): boolean {
  return (one === undefined ? 0 : Date.parse(one)) > (other === undefined ? 0 : Date.parse(other))
}

function later(one: string | undefined, other: string | undefined): string | undefined {
  return isLater(other, one) ? other : one
}

export function writeKeyFile(path: string, keys: readonly KeyEntry[]): void {
  replaceFile(path, header + stringify({ version: 1, keys }))
}

export type KeyStatus = 'active' | 'expired' | 'disabled' | 'revoked'

export function keyStatus(entry: KeyEntry, nowMs: number): KeyStatus {
  if (entry.revoked !== undefined) return 'revoked'
  if (entry.disabled !== undefined && !isLater(entry.enabled, entry.disabled)) return 'disabled'
  return entry.expires !== undefined && Date.parse(entry.expires) <= nowMs ? 'expired' : 'active'
}

/** Whether others than its owner may read or write it. */
export function isOpenToOthers(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0
}

/** Names of `approval.approvers` that are nobody's, told in a sentence each. */
export function unknownApprovers(
  entries: readonly KeyEntry[],
  roles: ReadonlyMap<string, unknown>,
  approvers: ReadonlySet<string>,
): string[] {
  const names = new Set(entries.map(({ name }) => name))
  return [...approvers]
    .filter((approver) => !roles.has(approver) && !names.has(approver))
    .map((approver) => `\`approval.approvers\` names ${approver}, which is no role and the name of no key`)
}

/** Active keys that can do nothing, told in a sentence each. */
export function keysWithoutRole(
  entries: readonly KeyEntry[],
  roles: ReadonlyMap<string, unknown>,
  nowMs: number,
): string[] {
  return entries
    .filter((entry) => keyStatus(entry, nowMs) === 'active' && !roles.has(entry.role))
    .map(({ id, role }) => `key ${id} has a role that does not exist: ${role}`)
}
