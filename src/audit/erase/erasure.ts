/**
 * Erasing content (GDPR, article 17): texts, addresses and names of sessions go, and the salt with them; what stays is
 * that there was a request, by which key, and how it ended. Only closed segments are rewritten, so the active one is
 * closed first.
 *
 * In this sequence, which a crash may cut anywhere: the request is written down (`FILE.erasure`); the log says under a
 * signature what will be erased (`erasure`: who, why, how many, and for each segment a digest of the selected records);
 * segments are replaced one by one; the log says that it is done (`erased`); the request is thrown away. Whoever opens the
 * log next takes up a request that is left.
 */
import { hash as digest } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { randomHex } from '../../core/random.ts'
import { replaceFile } from '../../files/atomic.ts'
import { linesOf } from '../../files/lines.ts'
import { readLog } from '../query/read.ts'
import { check, withoutContent } from '../write/chain.ts'
import type { AuditLog } from '../write/log.ts'
import { bytesOf, closedSegments, type Segment } from '../write/segments.ts'
import type { Signer } from '../write/signer.ts'
import { type Doing, rewriteSegment } from './rewrite.ts'
import { digestsIn, type ErasureSelector, matcherOf } from './selector.ts'

/** Whose content is to be erased, why, and by whom. */
export interface ErasureRequest extends ErasureSelector {
  readonly why: string
  readonly by: string
}

/** What an erasure did. */
export interface Erased {
  /** Null: nothing was selected, and nothing was done or written down. */
  readonly id: string | null
  readonly records: number
  /** Those that were selected and are of an earlier version, whose content is under the hash: they end with their retention. */
  readonly unerasable: number
}

/** What is erased of one segment. */
export interface Portion {
  readonly first: number
  readonly count: number
  readonly digest: string
}

/** What an erasure works with. */
export interface ErasureParts extends Doing {
  readonly file: string
  readonly log: Pick<AuditLog, 'event' | 'durable' | 'head' | 'rotate'>
  readonly signer: Signer
}

interface Kept extends ErasureRequest {
  readonly id: string
  /** Where the chain stood when it was given. */
  readonly after: number
  /** Digests of texts that are erased; kept, because afterwards they cannot be made any more. */
  readonly references?: readonly string[]
}

const requestFile = (file: string) => `${file}.erasure`

/** The outcome where nothing was selected. */
export const nothingErased: Erased = { id: null, records: 0, unerasable: 0 }

/** Makes the id of an erasure. */
export function erasureId(): string {
  return randomHex(6)
}

/** Adds up what one erasure did in several chains. */
export function sumOfErased(parts: readonly Erased[]): Erased {
  return parts.reduce(
    (sum, { id, records, unerasable }) => ({
      id: sum.id ?? id,
      records: sum.records + records,
      unerasable: sum.unerasable + unerasable,
    }),
    nothingErased,
  )
}

/** Whether the log holds a record that is selected. @throws what `fs` throws */
export async function isAnythingSelected(file: string, selector: ErasureSelector): Promise<boolean> {
  const isSelected = matcherOf(selector)
  for await (const line of readLog(file)) if (isSelected(line)) return true
  return false
}

/**
 * Erases the content of all selected records, and puts that on record.
 * @param id the same in all chains of a log
 * @throws what `fs` throws; then the next start goes on
 */
export async function erase(
  parts: ErasureParts,
  request: ErasureRequest,
  id: string = erasureId(),
): Promise<Erased> {
  const isSelected = matcherOf(request)
  const references = new Set<string>()
  let isAny = false
  for await (const line of readLog(parts.file)) {
    if (!isSelected(line)) continue
    isAny = true
    for (const digest of digestsIn(line, request)) references.add(digest)
  }
  if (!isAny) return nothingErased
  const kept: Kept = {
    ...request,
    id,
    after: parts.log.head.seq,
    references: [...references],
  }
  replaceFile(requestFile(parts.file), `${JSON.stringify(kept)}\n`)
  parts.step('ordered')
  return carryOut(parts, kept)
}

/** Takes up what a crash interrupted. @returns undefined if there is nothing */
export async function resumeErasure(parts: ErasureParts): Promise<Erased | undefined> {
  if (!existsSync(requestFile(parts.file))) return undefined
  const kept = JSON.parse(readFileSync(requestFile(parts.file), 'utf8')) as Kept
  return carryOut(parts, kept)
}

async function carryOut(parts: ErasureParts, kept: Kept): Promise<Erased> {
  const { file, log, signer, step, signal } = parts
  const told = await toldBefore(file, kept)
  const plan = told ?? (await announce(parts, kept))
  await log.durable()
  step('announced')
  for (const segment of closedSegments(file)) {
    const isSelected = matcherOf(kept, kept.references)
    const portion = plan.segments.find(({ first }) => first === segment.first)
    if (!portion) continue
    if (await isErased(segment, kept.id)) continue
    signal.throwIfAborted()
    await rewriteSegment(
      segment,
      (line) => (isSelected(line) ? withoutContent(line, kept.id) : undefined) ?? line,
      {
        signal,
      },
    )
    step(`rewritten ${segment.first}`)
  }
  const details = { erasure: kept.id, records: plan.records }
  await log.event('erased', { ...details, proof: await signer.sign({ event: 'erased', ...details }) })
  await log.durable()
  step('done')
  await rm(requestFile(file))
  return { id: kept.id, records: plan.records, unerasable: plan.unerasable }
}

interface Plan {
  readonly segments: readonly Portion[]
  readonly records: number
  readonly unerasable: number
}

/** Says in the log what will be erased, without saying again what must be forgotten. */
async function announce({ file, log, signer, step, signal }: ErasureParts, kept: Kept): Promise<Plan> {
  log.rotate()
  step('rotated')
  const segments: Portion[] = []
  let unerasable = 0
  for (const segment of closedSegments(file)) {
    const isSelected = matcherOf(kept, kept.references)
    signal.throwIfAborted()
    const tally = createTally()
    for await (const line of linesOf(bytesOf(segment))) {
      if (!isSelected(line)) continue
      const record = check(line)
      if ('wrong' in record) throw new Error(`${segment.path}: a record ${record.wrong}; nothing was erased`)
      if (record.erased !== undefined) continue
      if (!record.bound) unerasable++
      else tally.add(record.hash)
    }
    if (tally.count > 0) segments.push({ first: segment.first ?? 0, ...tally.sum() })
  }
  const records = segments.reduce((sum, { count }) => sum + count, 0)
  const { id, why, by, identity, before, subject, person } = kept
  // What must be forgotten is not said again.
  const told = { subject: subject !== undefined, ...(person === undefined ? {} : { person: true }) }
  const filter = { identity: identity ?? null, before: before ?? null, ...told }
  const event = 'erasure'
  const details = { erasure: id, by, why, filter, records, unerasable, segments }
  await log.event(event, { ...details, proof: await signer.sign({ event, ...details }) })
  return { segments, records, unerasable }
}

/** Finds the plan of this request, if the log has it already. */
async function toldBefore(file: string, { id, after }: Kept): Promise<Plan | undefined> {
  const closed = closedSegments(file)
  const from = closed.findLastIndex(({ first = 0 }) => first <= after)
  const active: Segment = { path: file, first: undefined, compressed: false }
  for (const segment of [...closed.slice(Math.max(from, 0)), active])
    for await (const line of linesOf(bytesOf(segment))) {
      if (!line.includes('"event":"erasure"')) continue
      const record = check(line)
      if ('wrong' in record || record.event !== 'erasure') continue
      const plan = record.fields()
      if (plan.erasure === id && isPlan(plan)) return plan
    }
  return undefined
}

/** A record of ours, under its hash: only its form is looked at. */
function isPlan(record: object): record is Plan {
  return (
    'segments' in record && Array.isArray(record.segments) && 'records' in record && 'unerasable' in record
  )
}

async function isErased(segment: Segment, id: string): Promise<boolean> {
  const mark = `,"erased":"${id}"}`
  for await (const line of linesOf(bytesOf(segment))) if (line.endsWith(mark)) return true
  return false
}

/** Counts records and digests their hashes. */
export interface Tally {
  readonly count: number
  add(hash: string): void
  sum(): { readonly count: number; readonly digest: string }
}

/** Makes a digest of records in their sequence, in constant memory. */
export function createTally(): Tally {
  let count = 0
  let sum = ''
  return {
    get count() {
      return count
    },
    add(hash) {
      sum = digest('sha256', sum + hash)
      count++
    },
    sum: () => ({ count, digest: sum }),
  }
}
