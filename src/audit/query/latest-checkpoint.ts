/** Finds the last signed checkpoint of a log, as its record has it. */
import type { Checkpoint } from '../write/checkpoints.ts'
import { searchNewestFirst } from './newest-first.ts'

/** Reads the last checkpoint of the log itself, not of its workers' chains. @returns undefined if there is none */
export async function latestCheckpoint(file: string): Promise<Checkpoint | undefined> {
  const { entries } = await searchNewestFirst(file, {
    fits: ({ event }) => event === 'checkpoint',
    from: new Map(),
    only: { chain: '', seq: 0 },
    limit: 1,
    isOver: () => false,
  })
  const entry = entries[0]?.entry
  const at = entry?.at as { readonly seq?: unknown; readonly hash?: unknown } | undefined
  const { instance, iat, proof }: Readonly<Record<string, unknown>> = entry ?? {}
  if (typeof at?.seq !== 'number' || typeof at.hash !== 'string') return undefined
  if (typeof instance !== 'string' || typeof iat !== 'number' || typeof proof !== 'string') return undefined
  return { seq: at.seq, hash: at.hash, instance, iat, proof }
}
