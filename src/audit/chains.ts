/**
 * The chains of one gateway. A gateway of one process writes `FILE`. With several workers each writes a chain of its own,
 * `FILE.w1`, `FILE.w2` …, and `FILE` is that of the primary. Each is a whole log: with closed segments, a head, a lock, a
 * key, an erasure and cursors of its own. Who reads the log reads them as one.
 */
import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errorCode } from '../core/error-code.ts'

/** Names the chain of a worker. @param worker from 1 */
export function workerChain(file: string, worker: number): string {
  return `${file}.w${worker}`
}

/**
 * After an upgrade the gateway before it finishes its requests on chains of its own, beside the log that it has left: its
 * own is number 100, 200 … 800, those of its workers follow it. So gateways that were upgraded one soon after the other
 * never share one, and the next upgrade takes the first that is free again.
 */
const chainsOfOneGateway = 100
const maxLeaving = 8

/** Lists the numbers that a gateway which was upgraded may go on with. */
export const leavingChains: readonly number[] = Array.from(
  { length: maxLeaving },
  (_, index) => (index + 1) * chainsOfOneGateway,
)

/** Whether a chain is that of a gateway which was upgraded. */
export function isLeavingChain(worker: number): boolean {
  return worker >= chainsOfOneGateway
}

/** What a chain leaves in a folder: its active or closed segments, or its head. */
const trace = /^w([1-9]\d{0,3})(\.(\d{12,}(\.gz)?|head))?$/

/** Lists the chains of workers that there are beside a log, by their numbers. */
export function workersWithChains(file: string): number[] {
  const stem = `${basename(file)}.`
  const found = new Set<number>()
  for (const name of namesIn(dirname(file))) {
    const [, worker] = (name.startsWith(stem) && trace.exec(name.slice(stem.length))) || []
    if (worker !== undefined) found.add(Number(worker))
  }
  return [...found].toSorted((a, b) => a - b)
}

/** Lists the chains of a log: itself first, then those of workers. */
export function chainsOf(file: string): string[] {
  return [file, ...workersWithChains(file).map((worker) => workerChain(file, worker))]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return []
  }
}

/** How a chain is called beside the numbers of its records: nothing for the log itself, else `w1`. */
export function chainName(file: string, chain: string): string {
  return chain === file ? '' : chain.slice(file.length + 1)
}

/** Finds a chain by how it is called. */
export function chainNamed(file: string, name: string): string {
  return name === '' ? file : `${file}.${name}`
}
