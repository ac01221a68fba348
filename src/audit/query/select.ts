/** Selects records of all chains of a log, in the order of their times and in constant memory. */
import type { Entry } from '../write/entry.ts'
import { readEntry } from '../write/entry.ts'
import { type Query, queryOf } from './query.ts'
import type { ReadOptions } from './read.ts'
import { type ChainLine, readChains } from './read-chains.ts'
import { createReferenceResolver } from './references.ts'

/** A record with its line. */
export type Selected = ChainLine & { readonly entry: Entry }

/** How records are selected. */
export interface Selecting {
  /** Waits for further records; absent: stops at the end of the log. */
  readonly wait?: ReadOptions['wait']
  /** Whether lines have the texts that their records refer to. */
  readonly withTexts?: boolean
  /** Characters of earlier texts that are remembered. */
  readonly maxRemembered?: number
  /** Reads a line; whole if absent. */
  read?(line: string): Entry | undefined
  /** Told of each line before it is judged; undefined: it is no record. */
  onRead?(entry: Entry | undefined): void
}

/** Yields the records that a query asks for. @throws what `fs` throws */
export async function* selectRecords(
  file: string,
  query: Query,
  { wait, withTexts = false, maxRemembered, read = readEntry, onRead }: Selecting = {},
): AsyncGenerator<Selected> {
  const { identity, sinceMs } = query
  const fits = queryOf(query)
  const resolver = withTexts ? createReferenceResolver(file, maxRemembered) : undefined
  // A record refers to records of the same caller only.
  const mayBeReferredTo = queryOf(identity === undefined ? {} : { identity })
  const options = { ...(sinceMs === undefined ? {} : { sinceMs }), ...(wait ? { wait } : {}) }
  for await (const { line, chain } of readChains(file, options)) {
    const entry = read(line)
    onRead?.(entry)
    if (!entry) continue
    if (resolver && mayBeReferredTo(entry)) resolver.see(entry, chain)
    if (!fits(entry)) continue
    yield { line: (await resolver?.resolve({ line, chain }, entry)) ?? line, chain, entry }
  }
}
