/**
 * Deletes closed segments whose last record is older than the policy keeps. Before one goes, a signed record says which
 * (`expired`: first and last number, and the hash the next one follows), so that the chain that is left can be proven.
 */
import { rm } from 'node:fs/promises'
import type { Clock } from '../../core/clock.ts'
import type { AuditLog } from '../write/log.ts'
import { firstRecord, segmentsOf } from '../write/segments.ts'
import type { Signer } from '../write/signer.ts'
import { type Doing, syncFolder } from './rewrite.ts'

/** What the deletion of old segments works with. */
export interface RetentionParts extends Doing {
  readonly file: string
  readonly log: Pick<AuditLog, 'event' | 'durable'>
  readonly signer: Signer
  readonly clock: Clock
}

/**
 * Deletes the segments that are older than their retention, and puts that on record.
 * @returns how many segments were deleted.
 * @throws Error at a segment that cannot be read: what cannot be told stays
 */
export async function expire(
  { file, log, signer, clock, step, signal }: RetentionParts,
  retentionMs: number,
): Promise<number> {
  const segments = segmentsOf(file)
  let deleted = 0
  for (const [index, segment] of segments.slice(0, -1).entries()) {
    signal.throwIfAborted()
    const successor = segments[index + 1]
    // What follows says when it ended, and with which hash.
    const next = successor && (await firstRecord(successor))
    if (!next) break
    if ('wrong' in next) throw new Error(`${successor.path}: its first record ${next.wrong}`)
    if (!(clock.wallMs() - Date.parse(next.time ?? '') > retentionMs)) break
    const event = 'expired'
    const details = { first: segment.first, last: next.seq - 1, tip: next.prev }
    const proof = await signer.sign({ event, ...details })
    await log.event(event, { ...details, proof })
    await log.durable()
    step('told')
    await rm(segment.path)
    // Its twin, where a compressing was interrupted.
    await rm(`${segment.path}.gz`, { force: true })
    await syncFolder(file)
    step('deleted')
    deleted++
  }
  return deleted
}
