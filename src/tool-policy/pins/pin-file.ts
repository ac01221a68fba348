/**
 * The file of pinned tool definitions, beside the key file. The gateway adds what keys offer for the first time, and what
 * has changed since; the command line accepts changes.
 */
import { type FieldChecks, isText, optional, wrongField } from '../../core/fields.ts'
import { replaceUnsyncedSync } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'

/** A definition that differs from the pinned one. */
export interface ChangedDefinition {
  readonly sha256: string
  /** RFC 3339. */
  readonly since: string
}

/** Who has taken a changed definition for the pinned one. */
export interface Acceptance {
  readonly id: string
  readonly why: string
  readonly by: string
  /** RFC 3339. */
  readonly at: string
}

/** The definition that a key may offer of a tool. */
export interface ToolPin {
  /** Id of the key, or of another identity. */
  readonly key: string
  /** The tool's name; of one that could be a secret, its digest. */
  readonly tool: string
  /** SHA-256 of the definition, in hex. */
  readonly sha256: string
  /** RFC 3339. */
  readonly since: string
  /** The latest other definition that was offered. */
  readonly changed?: ChangedDefinition
  /** The latest. */
  readonly accepted?: Acceptance
}

/** Keys whose tools are kept, the most recently used. */
export const maxKeys = 500
/** Tools of a key that are kept, the most recently offered. */
export const maxTools = 256

/** Returns the path of the file. */
export function pinsFile(keysFile: string): string {
  return `${keysFile}.tools.json`
}

const isDigest = isText(64, /^[0-9a-f]{64}$/)
const isMoment = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value))
const isChanged = (value: unknown) =>
  wrongField<ChangedDefinition>(value, { sha256: isDigest, since: isMoment }) === undefined
const acceptanceChecks: FieldChecks<Acceptance> = {
  id: isText(32, /^ta_[0-9a-f]+$/),
  why: isText(1024),
  by: isText(128),
  at: isMoment,
}
const checks: FieldChecks<ToolPin> = {
  key: isText(256),
  tool: isText(256),
  sha256: isDigest,
  since: isMoment,
  changed: optional(isChanged),
  accepted: optional((value) => wrongField(value, acceptanceChecks) === undefined),
}

/** @returns none if there is no file. @throws TypeError if it is not what it should be, and what `fs` throws */
export function readPins(file: string): readonly ToolPin[] {
  return readJsonFile(file, 'pinned tools', (value) => (isPins(value) ? value.pins : undefined)) ?? []
}

function isPins(value: unknown): value is { readonly pins: readonly ToolPin[] } {
  if (wrongField<{ pins: unknown }>(value, { pins: Array.isArray }) !== undefined) return false
  const { pins } = value as { pins: readonly unknown[] }
  return pins.length <= maxKeys * maxTools && pins.every((pin) => wrongField(pin, checks) === undefined)
}

/** Replaces the file; to be called while it is locked. @throws what `fs` throws; then the old file stands */
export function writePins(file: string, pins: readonly ToolPin[]): void {
  replaceUnsyncedSync(file, `${JSON.stringify({ pins }, null, 1)}\n`)
}
