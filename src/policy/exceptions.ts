/**
 * Exceptions from the prompt guard: what an operator has looked at and accepted. They stand in a file of their own beside
 * the policy, which the command line writes, so that the policy itself is only ever changed by its author.
 */
import { existsSync, readFileSync } from 'node:fs'
import { type FieldChecks, isText, optional, wrongField } from '../core/fields.ts'
import { tryJson } from '../core/json.ts'
import { type Channel, channels } from '../core/text.ts'

/** One accepted passage or signature. */
export interface Exception {
  readonly id: string
  readonly channel: Channel
  /** Name of the tool whose texts are meant, `*` in it is anything; absent: whichever, and none. */
  readonly tool?: string
  /** Keyed digest of the passage that is accepted, or the signature; one of the two. */
  readonly passage?: string
  readonly signature?: string
  readonly why: string
  readonly by: string
  /** RFC 3339. `until` absent: until somebody withdraws it. */
  readonly at: string
  readonly until?: string
}

/** The exceptions of a policy, and their file. */
export interface Exceptions {
  readonly file: string
  readonly entries: readonly Exception[]
}

/** Every one is looked at with every finding. */
export const maxExceptions = 1000

const isChannel = (value: unknown) => channels.some((channel) => channel === value)
const isMoment = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value))
const checks: FieldChecks<Exception> = {
  id: isText(32, /^ex_[a-z0-9]+$/),
  channel: isChannel,
  tool: optional(isText(256)),
  passage: optional(isText(64, /^[\w-]+$/)),
  signature: optional(isText(128)),
  why: isText(1024),
  by: isText(128),
  at: isMoment,
  until: optional(isMoment),
}

function isException(value: unknown): value is Exception {
  if (wrongField(value, checks) !== undefined) return false
  const { passage, signature } = value as Exception
  return (passage === undefined) !== (signature === undefined)
}

/** Returns the path of the exceptions file of a policy. */
export function exceptionsFile(policyFile: string): string {
  return `${policyFile}.exceptions.json`
}

/** @returns nothing if there is no file. @throws TypeError if it is not what it should be, and what `fs` throws */
export function readExceptions(policyFile: string): Exceptions & { readonly text: string } {
  const file = exceptionsFile(policyFile)
  if (!existsSync(file)) return { file, entries: [], text: '' }
  const text = readFileSync(file, 'utf8')
  const value = tryJson(text) as { exceptions?: unknown } | undefined
  const entries: unknown = value?.exceptions
  if (!Array.isArray(entries) || entries.length > maxExceptions || !entries.every(isException))
    throw new TypeError(`is not an exceptions file written by \`torwart allow\``)
  return { file, entries, text }
}

/** Returns whether an exception has expired. */
export function isOver({ until }: Exception, nowMs: number): boolean {
  return until !== undefined && Date.parse(until) <= nowMs
}
