/**
 * What the prompt guard of a policy finds and decides by, as JSON: so that the same scanner can run elsewhere, such as in the
 * playground. Holds no names of people, no exceptions and no texts of callers.
 */
import type { Severity } from '../core/text.ts'
import type { WordClasses } from './injection/phrase.ts'
import { compilePack, type Signature } from './injection/signature.ts'

/** Settings of a policy's prompt guard and masking. */
export interface ScanSettings {
  readonly mode: 'enforce' | 'observe' | 'off'
  /** Severity from which on a text is blocked, and flagged. */
  readonly block: Severity
  readonly flag: Severity
  /** The operator's own packs, as in their files. */
  readonly packs: readonly unknown[]
  /** How many own packs the policy has that are not in `packs`. */
  readonly packsLeftOut: number
  /** Ids of signatures that do not count. */
  readonly disable: readonly string[]
  /** Severities by id, instead of those in the packs. */
  readonly severities: Readonly<Record<string, Severity>>
  /** Whether names behind a label are masked. */
  readonly labelledNames: boolean
  /** Whether the policy masks names from a list, which is never part of these settings. */
  readonly hasKnownNames: boolean
}

/** Settings of a policy that says nothing of guards. */
export const shippedSettings: ScanSettings = {
  mode: 'enforce',
  block: 'high',
  flag: 'medium',
  packs: [],
  packsLeftOut: 0,
  disable: [],
  severities: {},
  labelledNames: false,
  hasKnownNames: false,
}

/** Signature packs as JSON. */
export interface PackData {
  readonly words: WordClasses
  readonly packs: readonly unknown[]
}

/** Compiles the signatures that count under these settings. A pack with mistakes was refused when the policy was read. */
export function signaturesUnder(shipped: PackData, settings: ScanSettings): readonly Signature[] {
  const disabled = new Set(settings.disable)
  return [...shipped.packs, ...settings.packs]
    .flatMap((pack) => compilePack(pack, shipped.words).signatures)
    .filter(({ id }) => !disabled.has(id))
    .map((signature) => ({
      ...signature,
      severity: settings.severities[signature.id] ?? signature.severity,
    }))
}

/** Returns a pack without its examples, which only prove it. */
export function withoutExamples(pack: unknown): unknown {
  if (typeof pack !== 'object' || pack === null || !('signatures' in pack)) return pack
  const { signatures } = pack
  if (!Array.isArray(signatures)) return pack
  const bare = (signature: object) => ({ ...signature, catches: ['-'], leaves: ['-'] })
  return { ...pack, signatures: signatures.map(bare) }
}
