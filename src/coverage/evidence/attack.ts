/** The result of `torwart attack --json`, as evidence: what was tried, and what came through. */
import { statSync } from 'node:fs'
import { type JsonObject, type JsonValue, tryJson } from '../../core/json.ts'
import { AttestationFault } from '../../model-trust/attestation/fault.ts'
import { readSmallFile } from '../../model-trust/attestation/store.ts'

/** A case that was not stopped. */
export interface Through {
  readonly id: string
  /** Ids of OWASP lists that it belongs to, such as `LLM01`. */
  readonly owasp: readonly string[]
}

/** What a run of attacks has shown. */
export interface AttackRun {
  /** RFC 3339: what the file says, or else when it was written. */
  readonly time: string
  /** Version of the policy that was attacked, if the file tells. */
  readonly policy: string | undefined
  readonly tried: number
  readonly stopped: number
  readonly through: readonly Through[]
}

/** A file that is no result of `torwart attack`; the message says why. */
export class AttackFileFault extends Error {
  override readonly name = 'AttackFileFault'
}

const maxThrough = 10_000

/** Reads a result of at most 1 MiB. @throws AttackFileFault, and what `fs` throws */
export function readAttackRun(file: string): AttackRun {
  const value = tryJson(bytesOf(file).toString('utf8'))
  if (!isObject(value)) throw new AttackFileFault('it is not a JSON object')
  const { tried, stopped, through } = value
  if (!isCount(tried) || !isCount(stopped)) throw new AttackFileFault('`tried` and `stopped` must be counts')
  if (!Array.isArray(through) || through.length > maxThrough)
    throw new AttackFileFault('`through` must be a list')
  return {
    time: timeOf(value) ?? statSync(file).mtime.toISOString(),
    policy: textIn(value.policy),
    tried,
    stopped,
    through: through.map(readThrough),
  }
}

function bytesOf(file: string): Buffer {
  try {
    return readSmallFile(file)
  } catch (error) {
    throw error instanceof AttestationFault ? new AttackFileFault(error.message) : error
  }
}

function readThrough(value: JsonValue): Through {
  const id = isObject(value) ? textIn(value.id) : undefined
  if (!isObject(value) || id === undefined) throw new AttackFileFault('an entry of `through` has no `id`')
  const given = Array.isArray(value.owasp) ? value.owasp : [value.owasp ?? null]
  return { id, owasp: given.flatMap((each) => textIn(each)?.replace(/:\d{4}$/, '') ?? []) }
}

function timeOf({ finished, time }: JsonObject): string | undefined {
  const text = textIn(finished) ?? textIn(time)
  return text === undefined || Number.isNaN(Date.parse(text)) ? undefined : new Date(text).toISOString()
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function textIn(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 256 ? value : undefined
}
