/**
 * What commands did and a log must tell. Only one process may write a log, so a command puts its event into a small file
 * beside it (mode 0600, replaced whole), and whoever writes the log, a running gateway or the command itself, puts it on
 * record, signs a checkpoint behind it, and takes it out of the file.
 */
import { rmSync } from 'node:fs'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { randomHex } from '../../core/random.ts'
import { createMasker, findSensitive } from '../../detect/sensitive/mask.ts'
import { replaceFile } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'
import { whileLocked } from '../../files/lock.ts'
import { giveToFolderOwner } from '../../files/owner.ts'

/** The events that may come from the file. Whoever can write it must not pass anything else off as the gateway's. */
export const operatorEvents = [
  'incident opened',
  'incident notice sent',
  'incident bundled',
  'incident closed',
  'access request',
  'backup started',
  'backup made',
  'backup restored',
  'sandbox run',
] as const

/** One of `operatorEvents`. */
export type OperatorEventName = (typeof operatorEvents)[number]

const eventSchema = Type.Object(
  {
    /** Names it, so that one that is recorded twice after a crash is known as one. */
    operation: Type.String({ pattern: '^[0-9a-f]{12}$' }),
    event: Type.Enum([...operatorEvents]),
    /** RFC 3339: when it was done. */
    at: Type.String({ maxLength: 40 }),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  { additionalProperties: false },
)
const maxWaiting = 1000
const fileSchema = Type.Object(
  { events: Type.Array(eventSchema, { maxItems: maxWaiting }) },
  { additionalProperties: false },
)

/** An event that waits to be put on record. */
export type OperatorEvent = Static<typeof eventSchema>

const operationBytes = 6

/** Names the file beside this audit log. */
export function operatorEventsFile(auditFile: string): string {
  return `${auditFile}.pending.json`
}

/** Reads the events that wait. @throws TypeError if the file is not what it should be */
export function waitingEvents(auditFile: string): readonly OperatorEvent[] {
  return (
    readJsonFile(operatorEventsFile(auditFile), 'events to be recorded', (value) =>
      Value.Check(fileSchema, value) ? value.events : undefined,
    ) ?? []
  )
}

/**
 * Lets an event wait to be put on record. Reasons and names that people wrote are masked.
 * @returns its `operation`
 * @throws Error if too many wait already, and what `fs` throws
 */
export function announceEvent(
  auditFile: string,
  event: OperatorEventName,
  details: Readonly<Record<string, unknown>>,
  nowMs = Date.now(),
): Promise<string> {
  const path = operatorEventsFile(auditFile)
  const operation = randomHex(operationBytes)
  return whileLocked(path, () => {
    const waiting = waitingEvents(auditFile)
    if (waiting.length >= maxWaiting)
      throw new Error(
        `${waiting.length} events wait to be recorded: start a gateway that writes ${auditFile}`,
      )
    const at = new Date(nowMs).toISOString()
    write(path, [...waiting, { operation, event, at, details: masked(details) }])
    return operation
  })
}

/** What records them. */
export interface EventRecorder {
  /** @throws if it is not on record */
  record(event: string, details: object): Promise<unknown>
  /** Signs where the chain stands. */
  sign(): Promise<unknown>
}

/** Makes what puts waiting events on record, each of them once while this process lives, and returns how many. */
export function createEventTaker(auditFile: string, { record, sign }: EventRecorder): () => Promise<number> {
  const path = operatorEventsFile(auditFile)
  const recorded = new Set<string>()
  return async () => {
    const waiting = waitingEvents(auditFile)
    for (const { operation, event, at, details } of waiting) {
      if (recorded.has(operation)) continue
      // What the file says of these names must not stand for what the log says of itself.
      await record(event, { operation, done: at, ...masked(details) })
      recorded.add(operation)
    }
    if (waiting.length > 0) await sign()
    await whileLocked(path, () => {
      const left = waitingEvents(auditFile).filter(({ operation }) => !recorded.has(operation))
      if (left.length > 0) write(path, left)
      else rmSync(path, { force: true })
    })
    recorded.clear()
    return waiting.length
  }
}

function write(path: string, events: readonly OperatorEvent[]): void {
  replaceFile(path, `${JSON.stringify({ events })}\n`)
  giveToFolderOwner(path)
}

/** Names that the log itself gives to parts of a record. */
const reserved: ReadonlySet<string> = new Set([
  ...['seq', 'time', 'event', 'prev', 'hash', 'salt', 'content', 'erased', 'proof', 'operation', 'done'],
])

function masked(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { mask } = createMasker(findSensitive)
  const kept = Object.entries(details).filter(([name]) => !reserved.has(name))
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      (name === 'by' || name === 'why') && typeof value === 'string' ? mask(value) : value,
    ]),
  )
}
