/**
 * What a model consists of: everything that can change what it says, each part with the SHA-256 of its bytes or, of what
 * a server only tells as text, of that text in a canonical form.
 */
import { createHash } from 'node:crypto'

/** In the order in which they are listed. `definition` and `file` belong to LocalAI: its YAML, and what that names. */
export const partKinds = [
  'weights',
  'adapter',
  'projector',
  'draft',
  'template',
  'system',
  'parameters',
  'messages',
  'renderer',
  'parser',
  'license',
  'definition',
  'file',
] as const

/** What a part of a model is. */
export type PartKind = (typeof partKinds)[number]

/** A part of a model. */
export interface Part {
  readonly kind: PartKind
  /** 64 hexadecimal digits. */
  readonly sha256: string
  /** Bytes, where that is known. */
  readonly size?: number
  /** Path within the folder of models, of a file of LocalAI. */
  readonly path?: string
}

/** What identifies a model for people; absent: the server does not tell. */
export interface ModelFacts {
  /** Bytes of all parts. */
  readonly size?: number
  readonly family?: string
  /** As `134.52M`. */
  readonly parameterSize?: string
  /** As `Q4_1`. */
  readonly quantisation?: string
  /** The model that it was made from. */
  readonly parent?: string
}

/** Returns 64 hexadecimal digits. */
export function sha256Of(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Returns 64 lower-case hexadecimal digits from what a server calls a digest; undefined if it is none. */
export function digestOf(told: unknown): string | undefined {
  if (typeof told !== 'string') return undefined
  return /^(?:sha256[:-])?([0-9a-f]{64})$/.exec(told.toLowerCase())?.[1]
}

/** Returns parts in the order of their kinds; those of one kind stay in the order in which the server uses them. */
export function inOrder(parts: readonly Part[]): readonly Part[] {
  return partKinds.flatMap((kind) => parts.filter((part) => part.kind === kind))
}
