/**
 * `keys.file`: who holds a key, never the key itself. Written by `torwart key`, mode 0600, replaced whole.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { type FieldChecks, isText, optional, wrongField } from '../../core/fields.ts'
import { isKeyId } from '../../core/key-id.ts'
import { replaceFile } from '../../files/atomic.ts'
import { isNetwork } from '../../policy/networks.ts'
import type { Policy } from '../../policy/policy.ts'

/** An API key as the file has it: its hash, and never the key. */
export interface KeyEntry {
  readonly id: string
  readonly name: string
  readonly role: string
  /** What it is for; absent: what its role is for. */
  readonly purpose?: string
  readonly sha256: string
  readonly created: string
  readonly expires?: string
  readonly revoked?: string
  /** Refused since then, unless it was enabled later. */
  readonly disabled?: string
  readonly enabled?: string
  /** When it got the secret it has. */
  readonly rotated?: string
  /** From where it may be used. Absent: from everywhere. */
  readonly networks?: readonly string[]
  /** Secrets before the one it has, while their grace lasts; the latest first. */
  readonly previous?: readonly PreviousSecret[]
  /** Who did what the times above tell, as they said. Absent: whoever edited the file. */
  readonly by?: ChangedBy
}

/** The secret before the last rotation, valid until its grace ends. */
export interface PreviousSecret {
  readonly sha256: string
  readonly until: string
  /** When the key got it; absent: when it was made. */
  readonly rotated?: string
}

/** What is done to keys by hand; each has its time in the entry. */
export const keyChanges = ['created', 'rotated', 'disabled', 'enabled', 'revoked'] as const

/** One of the changes whose author is noted. */
export type KeyChange = (typeof keyChanges)[number]

/** Who made each change, as they said. */
export type ChangedBy = { readonly [change in KeyChange]?: string }

/** Secrets that are taken besides the one a key has. */
export const maxPrevious = 8

const isHash = isText(64, /^[0-9a-f]{64}$/)
const isTime = isText(64, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)

const previousChecks: FieldChecks<PreviousSecret> = {
  sha256: isHash,
  until: isTime,
  rotated: optional(isTime),
}
const isAuthor = optional(isText(128))
const byChecks: FieldChecks<ChangedBy> = {
  created: isAuthor,
  rotated: isAuthor,
  disabled: isAuthor,
  enabled: isAuthor,
  revoked: isAuthor,
}

const checks: FieldChecks<KeyEntry> = {
  id: (value) => typeof value === 'string' && isKeyId(value),
  name: isText(128),
  role: isText(128),
  purpose: optional(isText(200, /^[^\p{C}\p{Zl}\p{Zp}]+$/u)),
  sha256: isHash,
  created: isTime,
  expires: optional(isTime),
  revoked: optional(isTime),
  disabled: optional(isTime),
  enabled: optional(isTime),
  rotated: optional(isTime),
  networks: optional(
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.length <= 64 &&
      value.every((network) => typeof network === 'string'),
  ),
  previous: optional(
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.length <= maxPrevious &&
      value.every((secret) => wrongField(secret, previousChecks) === undefined),
  ),
  by: optional((value) => wrongField(value, byChecks) === undefined),
}

/** Whether it could stand in a key file. */
export function isKeyEntry(value: unknown): value is KeyEntry {
  return isInForm(value) && faultOf(value) === undefined
}

function isInForm(value: unknown): value is KeyEntry {
  return wrongField(value, checks) === undefined
}

/** What no form shows: dates that no calendar has would never come. */
function faultOf({ id, networks = [], previous = [], ...times }: KeyEntry) {
  const { created, expires, revoked, disabled, enabled, rotated } = times
  const graces = previous.flatMap((secret) => [secret.until, secret.rotated])
  for (const time of [created, expires, revoked, disabled, enabled, rotated, ...graces])
    if (time !== undefined && Number.isNaN(Date.parse(time))) return `${id}: no such date: ${time}`
  const strange = networks.find((network) => !isNetwork(network))
  return strange === undefined ? undefined : `${id}: no such network: ${strange}`
}

interface KeyFile {
  readonly version: 1
  readonly keys: readonly unknown[]
}

const header = '# Written by `torwart key`. Holds the SHA-256 of each key, never a key.\n'

/**
 * Reads a key file.
 * @returns the entries; none if there is no file yet.
 * @throws TypeError if the file is not what it should be
 */
export function readKeyFile(path: string): readonly KeyEntry[] {
  if (!existsSync(path)) return []
  const keys = entriesOf(parsed(path), path)
  for (const entry of keys) {
    const fault = faultOf(entry)
    if (fault !== undefined) throw new TypeError(`${path}: ${fault}`)
  }
  const ids = new Set(keys.map(({ id }) => id))
  if (ids.size !== keys.length) throw new TypeError(`${path}: duplicate id`)
  return keys
}

/** @throws TypeError that names the place of what is wrong */
function entriesOf(value: unknown, path: string): readonly KeyEntry[] {
  const top = wrongField<KeyFile>(value, { version: (version) => version === 1, keys: Array.isArray })
  if (top !== undefined)
    throw new TypeError(
      `${path} is not a key file${top === '' ? '' : `: \`${top}\` is invalid, missing or unknown`}`,
    )
  return (value as KeyFile).keys.map((given, index) => {
    const entry = withList(given)
    if (isInForm(entry)) return entry
    const field = ['keys', String(index), wrongField(entry, checks)].filter(Boolean).join('.')
    throw new TypeError(`${path}: \`${field}\` is invalid, missing or unknown`)
  })
}

/** Earlier versions kept the one secret before, which stood alone. */
function withList(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null || !('previous' in entry)) return entry
  const { previous } = entry
  return Array.isArray(previous) ? entry : { ...entry, previous: [previous] }
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
 * Merges two versions of one entry; it does not matter which is whose. Revoked stays revoked; of secrets, and of
 * disabling and enabling, the later counts.
 */
export function mergedKey(one: KeyEntry, other: KeyEntry): KeyEntry {
  const secretOf = hasLaterSecret(other, one) ? other : one
  const { previous: _, rotated: __, sha256: ___, by: ____, ...rest } = one
  const revoked = [one.revoked, other.revoked].filter((time) => time !== undefined).sort()[0]
  const disabled = later(one.disabled, other.disabled)
  const enabled = later(one.enabled, other.enabled)
  const times = { created: one.created, rotated: secretOf.rotated, disabled, enabled, revoked }
  const by = mergedBy(one, other, times)
  return {
    ...rest,
    sha256: secretOf.sha256,
    ...(secretOf.rotated === undefined ? {} : { rotated: secretOf.rotated }),
    ...(secretOf.previous === undefined ? {} : { previous: secretOf.previous }),
    ...(revoked === undefined ? {} : { revoked }),
    ...(disabled === undefined ? {} : { disabled }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(Object.keys(by).length === 0 ? {} : { by }),
  }
}

/** Whose change each time is. Of two at the same time the same one, whichever is whose. */
function mergedBy(
  one: KeyEntry,
  other: KeyEntry,
  times: { readonly [change in KeyChange]: string | undefined },
): ChangedBy {
  const by: { [change in KeyChange]?: string } = {}
  for (const change of keyChanges) {
    const authors = [one, other].flatMap((entry) =>
      entry[change] === times[change] ? (entry.by?.[change] ?? []) : [],
    )
    const [author] = authors.sort()
    if (author !== undefined) by[change] = author
  }
  return by
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

/** Replaces the file. To be called under its lock. @throws what `fs` throws */
export function writeKeyFile(path: string, keys: readonly KeyEntry[]): void {
  replaceFile(path, header + stringify({ version: 1, keys }))
}

/** Whether a key is valid now, and if not, why. */
export type KeyStatus = 'active' | 'expired' | 'disabled' | 'revoked'

/** Tells the status of a key at `nowMs` (epoch milliseconds). */
export function keyStatus(entry: KeyEntry, nowMs: number): KeyStatus {
  if (entry.revoked !== undefined) return 'revoked'
  if (entry.disabled !== undefined && !isLater(entry.enabled, entry.disabled)) return 'disabled'
  return entry.expires !== undefined && Date.parse(entry.expires) <= nowMs ? 'expired' : 'active'
}

/** Whether others than its owner may read or write it. */
export function isOpenToOthers(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0
}

/** Names in `approval.approvers` and `admin.viewers` that are nobody's, told in a sentence each. */
export function unknownPeople(
  entries: readonly KeyEntry[],
  { roles, approval, admin }: Pick<Policy, 'roles' | 'approval' | 'admin'>,
): string[] {
  const names = new Set(entries.map(({ name }) => name))
  const unknown = (key: string, people: ReadonlySet<string>) =>
    [...people]
      .filter((person) => !roles.has(person) && !names.has(person))
      .map((person) => `\`${key}\` names ${person}, which is neither a role nor the name of a key`)
  return [...unknown('approval.approvers', approval.approvers), ...unknown('admin.viewers', admin.viewers)]
}

/** Lists active keys that can do nothing, in a sentence each. */
export function keysWithoutRole(
  entries: readonly KeyEntry[],
  roles: ReadonlyMap<string, unknown>,
  nowMs: number,
): string[] {
  return entries
    .filter((entry) => keyStatus(entry, nowMs) === 'active' && !roles.has(entry.role))
    .map(({ id, role }) => `key ${id} has a role that does not exist: ${role}`)
}
