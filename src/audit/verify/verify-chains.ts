/**
 * Verifies all chains of a log with one verdict. What one chain cannot show of itself, that it is gone altogether, the
 * log shows: it says of every worker that it has started, and so that there is a chain of it.
 */
import type { KeyObject } from 'node:crypto'
import { basename } from 'node:path'
import { chainsOf, workerChain, workersWithChains } from '../chains.ts'
import { readLog } from '../query/read.ts'
import type { Head } from '../write/chain.ts'
import { readEntry } from '../write/entry.ts'
import { readPublicKeys } from '../write/signer.ts'
import { type Bad, type Verdict, type VerifyOptions, verifyLog } from './verify.ts'

/** The event by which the primary tells that a worker runs; it has the number of the `worker`. */
export const workerStarted = 'worker started'

/** What the chains of a log are verified against. */
export interface ChainsOptions extends Pick<VerifyOptions, 'sinceMs' | 'onProgress'> {
  /** Public keys of all chains, kept elsewhere; each chain's own, beside it, if absent. */
  readonly keys?: ReadonlyMap<string, KeyObject>
  /** Where a chain stood, as somebody else knows it; of the log itself if it names no `instance`. */
  readonly checkpoint?: Head & { readonly instance?: string }
}

/** The outcome for one chain. */
export interface ChainVerdict extends Verdict {
  readonly file: string
}

/** The outcome for all of them: sums, and the first thing that is wrong. */
export interface ChainsVerdict extends Verdict {
  readonly chains: readonly ChainVerdict[]
}

/** @throws what `fs` throws, or an Error if the checkpoint is of no chain here */
export async function verifyChains(file: string, options: ChainsOptions = {}): Promise<ChainsVerdict> {
  const { sinceMs, checkpoint, onProgress = () => {} } = options
  const chains: ChainVerdict[] = []
  let before = 0
  let isHeld = checkpoint === undefined
  const files = chainsOf(file)
  for (const chain of files) {
    const own = await readPublicKeys(`${chain}.pub`)
    const keys = options.keys ?? own
    const isMeant = files.length === 1 || isOf(checkpoint?.instance, chain === file, own)
    isHeld ||= isMeant
    const verdict = await verifyLog(chain, {
      ...(keys.size > 0 ? { keys } : {}),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(checkpoint && isMeant ? { checkpoint } : {}),
      onProgress: (records) => onProgress(before + records),
    })
    before += verdict.records
    chains.push({ file: chain, ...verdict })
  }
  if (!isHeld) throw new Error('the checkpoint is of no chain of this log')
  return verdictOf(file, chains, await missingChain(file, sinceMs))
}

/** @param instance the beginning of a key's id, which names the chain */
function isOf(instance: string | undefined, isLog: boolean, keys: ReadonlyMap<string, KeyObject>): boolean {
  return instance === undefined ? isLog : [...keys.keys()].some((kid) => kid.startsWith(instance))
}

function verdictOf(file: string, chains: readonly ChainVerdict[], missing: Bad | undefined): ChainsVerdict {
  const [first] = chains
  const signed = chains.flatMap(({ signedTo }) => signedTo ?? [])
  const notes = chains.flatMap((chain) =>
    chain.notes.map((note) => (chain.file === file ? note : `${basename(chain.file)}: ${note}`)),
  )
  return {
    records: chains.reduce((sum, { records }) => sum + records, 0),
    bad: chains.find(({ bad }) => bad)?.bad ?? missing,
    notes,
    headSeen: chains.every(({ headSeen }) => headSeen),
    ...(first?.signedTo !== undefined && signed.length === chains.length ? { signedTo: first.signedTo } : {}),
    chains,
  }
}

/** Finds a worker of which the log tells that it has started, and of which there is no chain. */
async function missingChain(file: string, sinceMs: number | undefined): Promise<Bad | undefined> {
  const there = new Set(workersWithChains(file))
  for await (const line of readLog(file, sinceMs === undefined ? {} : { sinceMs })) {
    if (!line.includes(`"event":"${workerStarted}"`)) continue
    const entry = readEntry(line)
    const worker = entry?.event === workerStarted ? entry.worker : undefined
    if (typeof worker === 'number' && !there.has(worker))
      return {
        file: workerChain(file, worker),
        line: 0,
        why: `is missing, though record ${entry?.seq} says that worker ${worker} has started`,
      }
  }
  return undefined
}

/** Says in a sentence whether a log is intact, as Markdown. */
export function integrityInWords({ bad, records, signedTo }: Verdict, chains: number): string {
  if (chains > 1 && !bad) return `the ${chains} chains of ${records} records are intact`
  if (bad) return `**broken**: ${bad.file}:${bad.line}: ${bad.why}`
  return `the chain of ${records} records is intact${signedTo ? `, signed up to record ${signedTo}` : ''}`
}
