/** One answer as it is kept: masked, with what was seen of it before it was masked. */
import { type FieldChecks, isText, optional, wrongField } from '../../core/fields.ts'

/** A kept answer. */
export interface Sample {
  readonly probe: string
  readonly variant: string
  /** From 0. */
  readonly index: number
  /** Masked. */
  readonly text: string
  /** Characters, before masking. */
  readonly length: number
  /** The first 16 hex digits of the SHA-256 of the answer and its calls, before masking. */
  readonly digest: string
  readonly refused: boolean
  /** As expected, apart from `same`. */
  readonly held: boolean
  /** Names of tools that were called. */
  readonly calls: readonly string[]
  readonly logprobs?: readonly number[]
  readonly vector?: readonly number[]
}

const isNumbers = (value: unknown) =>
  Array.isArray(value) && value.length <= 8192 && value.every((each) => Number.isFinite(each))
const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0

const checks: FieldChecks<Sample> = {
  probe: isText(64),
  variant: isText(128),
  index: isCount,
  text: (value) => typeof value === 'string',
  length: isCount,
  digest: isText(16, /^[0-9a-f]{16}$/),
  refused: (value) => typeof value === 'boolean',
  held: (value) => typeof value === 'boolean',
  calls: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  logprobs: optional(isNumbers),
  vector: optional(isNumbers),
}

/** Whether something read from a file is a kept answer. */
export function isSample(value: unknown): value is Sample {
  return wrongField(value, checks) === undefined
}

/** Returns what tells an answer from every other of its run. */
export function placeOf({ probe, variant, index }: Pick<Sample, 'probe' | 'variant' | 'index'>): string {
  return `${probe}\n${variant}\n${index}`
}
