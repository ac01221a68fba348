/**
 * The scanner of the policy in force, with what it remembers. Agents send their whole conversation again with every
 * step: what was read once is not read again. A policy with other signatures has another scanner, which knows nothing.
 *
 * What is remembered is found by the text itself and not by its digest: the engine's own hash of a string is keyed
 * anew for every process and costs nothing that a digest would not cost too, and what it finds is then compared.
 */
import { LRUCache } from 'lru-cache'
import type { Channel, Finding } from '../../core/text.ts'
import { createMemory, type Memory } from '../../detect/injection/scan-cache.ts'
import { createScanner, type Scanner } from '../../detect/injection/scanner.ts'
import type { Signature } from '../../detect/injection/signature.ts'
import type { PromptGuard } from '../../policy/policy.ts'
import type { GuardSteps } from '../guard-work.ts'

/** A scanner, with what it remembers. */
export interface Scanning {
  readonly scanner: Scanner
  /** @param owner whose text it is */
  findings(text: Readable, owner: string): GuardSteps<readonly Finding[]>
}

/** A text to be read. */
export interface Readable {
  readonly channel: Channel
  readonly text: string
  /** As in `Text`: what is found is kept beside it, and found again without a look at the text. */
  readonly lasting?: true
}

/** Making one takes a while: ask for it before requests do. */
export type ScanningFor = (guard: PromptGuard) => Scanning

/** Returns the same scanner for guards with the same signatures. */
export type ScannerFor = (guard: PromptGuard) => Scanner

/**
 * Returns what compiles the scanner of a guard, once for each set of signatures. Scanners remember nothing of what they
 * read, so that several gateways of one process may share them.
 * @param shipped the signatures that come with the gate
 */
export function createScanners(shipped: readonly Signature[]): ScannerFor {
  const bySignatures = new LRUCache<string, Scanner>({ max: maxScanners })
  const byGuard = new WeakMap<PromptGuard, Scanner>()
  return (guard) => {
    const known = byGuard.get(guard)
    if (known) return known
    // The packs' own texts are part of it: a reload that changes none of them changes nothing here.
    const of = JSON.stringify([guard.disable, guard.severities, guard.own], withSets)
    const scanner = bySignatures.get(of) ?? createScanner(signaturesOf(guard, shipped))
    bySignatures.set(of, scanner)
    byGuard.set(guard, scanner)
    return scanner
  }
}

/** Returns what gives each scanner its memory. */
export function createScanning(scannerFor: ScannerFor): ScanningFor {
  const byScanner = new WeakMap<Scanner, Scanning>()
  return (guard) => {
    const scanner = scannerFor(guard)
    const scanning = byScanner.get(scanner) ?? remembering(scanner)
    byScanner.set(scanner, scanning)
    return scanning
  }
}

/** Of roles with signatures of their own; each holds some megabytes. */
const maxScanners = 8

function withSets(_key: string, value: unknown): unknown {
  return value instanceof Set ? [...value] : value
}

/** Lists the signatures that count for a guard: those shipped and its own, without what it disables. */
export function signaturesOf(guard: PromptGuard, shipped: readonly Signature[]): readonly Signature[] {
  const disabled = new Set(guard.disable)
  return [...shipped, ...guard.own]
    .filter(({ id }) => !disabled.has(id))
    .map((signature) => ({ ...signature, severity: guard.severities[signature.id] ?? signature.severity }))
}

function remembering(scanner: Scanner): Scanning {
  const memory = () => createMemory<readonly Finding[]>()
  const memories: Readonly<Record<Channel, Memory<readonly Finding[]>>> = {
    system: memory(),
    user: memory(),
    assistant: memory(),
    tool: memory(),
    definition: memory(),
    document: memory(),
  }
  function* findings({ text, channel }: Readable, owner: string): GuardSteps<readonly Finding[]> {
    const known = memories[channel].find(text, owner)
    if (known) return known
    const found = yield* scanner.scanSlowly(text, channel)
    memories[channel].keep(text, owner, found)
    return found
  }
  const lasting = new WeakMap<Readable, readonly Finding[]>()
  return {
    scanner,
    *findings(text, owner) {
      const known = text.lasting && lasting.get(text)
      if (known) return known
      const found = yield* findings(text, owner)
      if (text.lasting) lasting.set(text, found)
      return found
    },
  }
}
