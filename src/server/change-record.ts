/**
 * Puts on record what was done by hand to keys, tokens, signing keys, freezes, exceptions, pinned tools and the lock of
 * models: derived from their files, whoever wrote them, at every change and, for what was done while no gate ran, at the
 * start. What is told already stands beside the log, so that a restart tells nothing twice.
 */
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { type KeyFiles, keyNews, knownKeysOf, knownKeysSchema } from '../auth/api-keys/key-events.ts'
import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'
import { replaceFile } from '../files/atomic.ts'
import { readJsonFile } from '../files/json.ts'
import type { FreezeEntry } from '../kill-switch/freeze-entry.ts'
import { freezeEventsSince, knownFreezesOf, knownFreezesSchema } from '../kill-switch/freeze-events.ts'
import type { LockedModel } from '../model-trust/lock/lock.ts'
import { knownLockOf, knownLockSchema, lockEventsSince } from '../model-trust/lock/lock-events.ts'
import type { Exception } from '../policy/exceptions.ts'
import type { ToolPin } from '../tool-policy/pins/pin-file.ts'

/** Records changes that were made by hand. */
export interface ChangeRecord {
  /** Resolves when what the files say is on record, or cannot be for now; then it is tried again. */
  tell(): Promise<void>
  close(): Promise<void>
}

/** Where changes are found, and recorded. */
export interface ChangeRecordOptions {
  readonly auditFile: string
  /** As they are now. */
  keys(): KeyFiles
  orders(): Iterable<FreezeEntry>
  exceptions(): readonly Exception[]
  /** Pins of tools whose changes were accepted. */
  acceptedTools(): readonly ToolPin[]
  /** What the lock file holds; undefined: it cannot be read. */
  locked(): readonly LockedModel[] | undefined
  nowMs(): number
  /** Names a person in the log. */
  pseudonymOf(person: string): string
  /** Between two tries. */
  readonly retryMs: number
  /** @throws if it is not on record */
  record(event: string, details: object): Promise<unknown>
  report(problem: string, error: unknown): void
}

const knownSchema = Type.Object(
  {
    ...knownKeysSchema,
    orders: knownFreezesSchema,
    exceptions: Type.Optional(Type.Array(Type.String())),
    acceptedTools: Type.Optional(Type.Array(Type.String())),
    locked: Type.Optional(knownLockSchema),
  },
  { additionalProperties: false },
)

type Known = Static<typeof knownSchema>

/** Opens the record of changes; nothing is recorded before `tell`. */
export function openChangeRecord(options: ChangeRecordOptions): ChangeRecord {
  const { auditFile, retryMs, record, report } = options
  const file = `${auditFile}.told.json`
  let known = readKnown(file, report)
  /** Of the events that are still to be told all of: what fails in the middle is not told twice. */
  const told = new Set<string>()
  let work = Promise.resolve()
  let again: NodeJS.Timeout | undefined
  let failing = false
  let closed = false

  const tellNow = async () => {
    clearTimeout(again)
    if (closed) return
    try {
      const { news, all } = changesSince(known, options)
      for (const { event, details } of news) {
        const line = JSON.stringify([event, details])
        if (told.has(line)) continue
        await record(event, masked(details))
        told.add(line)
      }
      if (JSON.stringify(known) !== JSON.stringify(all)) replaceFile(file, `${JSON.stringify(all)}\n`)
      known = all
      told.clear()
      failing = false
    } catch (error) {
      if (!failing) report('changes to keys or freezes by command are not in the audit log yet', error)
      failing = true
      again = setTimeout(() => void tell(), retryMs)
      again.unref()
    }
  }
  const tell = () => {
    work = work.then(tellNow)
    return work
  }
  return {
    tell,
    async close() {
      await work
      closed = true
      clearTimeout(again)
    },
  }
}

/** @returns what is to be told, the oldest first, and what is known once it is on record */
function changesSince(known: Known | undefined, options: ChangeRecordOptions) {
  const [keys, orders] = [options.keys(), [...options.orders()]]
  const [exceptions, tools, models] = [options.exceptions(), options.acceptedTools(), options.locked()]
  const news = [
    ...keyNews(known, keys),
    ...freezeEventsSince(known?.orders, orders, options.nowMs(), options.pseudonymOf),
    ...exceptionNews(known?.exceptions, exceptions),
    ...acceptanceNews(known?.acceptedTools, tools),
    ...(models ? lockEventsSince(known?.locked, models) : []),
  ]
  const all = {
    ...knownKeysOf(keys),
    orders: knownFreezesOf(orders),
    exceptions: exceptions.map(({ id }) => id),
    acceptedTools: tools.flatMap(({ accepted }) => accepted?.id ?? []),
    locked: models ? knownLockOf(models) : (known?.locked ?? {}),
  }
  return { news: news.toSorted((a, b) => a.atMs - b.atMs), all }
}

/** Exceptions from the prompt guard that were made or taken away, the expired ones among them. */
function exceptionNews(known: readonly string[] = [], exceptions: readonly Exception[]) {
  const ids = new Set(exceptions.map(({ id }) => id))
  const made = exceptions
    .filter(({ id }) => !known.includes(id))
    .map(({ id, ...details }) => ({
      event: 'exception made',
      details: { exception: id, ...details, until: details.until ?? null },
      atMs: Date.parse(details.at),
    }))
  const removed = known
    .filter((id) => !ids.has(id))
    .map((id) => ({ event: 'exception removed', details: { exception: id }, atMs: Number.POSITIVE_INFINITY }))
  return [...made, ...removed]
}

/** Changed definitions of tools that were accepted. One is accepted for all keys at once, under one id. */
function acceptanceNews(known: readonly string[] = [], pins: readonly ToolPin[]) {
  const told = new Set(known)
  return pins.flatMap(({ key, tool, sha256, accepted }) =>
    accepted === undefined || told.has(accepted.id)
      ? []
      : {
          event: 'tool accepted',
          details: { identity: { id: key }, tool, sha256, why: accepted.why, by: accepted.by },
          atMs: Date.parse(accepted.at),
        },
  )
}

/** Nobody is kept from starting by it: at worst something is told twice. */
function readKnown(file: string, report: ChangeRecordOptions['report']): Known | undefined {
  try {
    return readJsonFile(file, 'what the log tells of keys and freezes', (value) =>
      Value.Check(knownSchema, value) ? value : undefined,
    )
  } catch (error) {
    report('cannot read the changes recorded in the audit log; some may be recorded twice', error)
    return undefined
  }
}

/** What people write may hold what must not be kept. */
function masked(details: object): object {
  const { mask } = createMasker(findSensitive)
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      (name === 'by' || name === 'why') && typeof value === 'string' ? mask(value) : value,
    ]),
  )
}
