/**
 * Taking up a log where the last process left it. Whatever is not as an orderly end would have left it is
 * mended and told: the first records of the new run say what was torn, missing or cannot be believed.
 */
import { ftruncateSync } from 'node:fs'
import { hashOf, lastClosed, readTail } from '../query/tail.ts'
import { genesis, type Head } from './chain.ts'
import { readHead } from './head.ts'

/** Where a log goes on, and what was found at its end. */
export interface Resumption {
  /** What the next record follows. */
  readonly head: Head
  /** Bytes of the log that are whole. */
  readonly length: number
  /** Epoch milliseconds of the last record; 0 if there is none. */
  readonly atMs: number
  /** To be recorded first. */
  readonly events: readonly { readonly event: 'repair' | 'gap'; readonly details: object }[]
}

/**
 * Cuts a torn last line off.
 * @param handle the log, open for reading and writing
 * @param known where the chain ends, if this process wrote it
 */
export function resumeLog(file: string, handle: number, known?: Head): Resumption {
  const { length, last = lastClosed(file), torn } = readTail(handle)
  const told = known ?? readHead(file)
  if (torn) ftruncateSync(handle, length)
  const repair = torn ? [{ event: 'repair', details: { torn } } as const] : []
  const atMs = (last && 'time' in last && Date.parse(last.time ?? '')) || 0
  const gap = (head: Head, details: object): Resumption => ({
    head,
    length,
    atMs,
    events: [...repair, { event: 'gap', details }],
  })

  if (last && 'wrong' in last)
    // The chain goes on from where its head says it ended; `verify` will name the record.
    return gap(told ?? { seq: 0, hash: genesis }, { reason: 'the last record cannot be verified' })
  const found: Head = last ? { seq: last.seq, hash: last.hash } : { seq: 0, hash: genesis }
  if (told && told.seq > 0 && told.seq <= found.seq && hashOf(file, handle, length, told.seq) !== told.hash)
    // The chain goes on from the head, which the rewritten records do not lead to: `verify` sees the break for ever.
    return gap(
      { seq: found.seq, hash: told.hash },
      { reason: 'the records are not those the head was made of' },
    )
  if (told && told.seq > found.seq)
    // The numbers go on behind the missing ones, so that the hole stays visible.
    return gap(
      { seq: told.seq, hash: found.hash },
      { reason: 'records are missing', first: found.seq + 1, last: told.seq },
    )
  if (!known && last && last.event !== 'stopped')
    return gap(found, { reason: 'the gateway was not shut down cleanly', since: last.time ?? null })
  return { head: found, length, atMs, events: repair }
}
