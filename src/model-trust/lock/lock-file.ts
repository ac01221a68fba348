/** Reading and writing the lock file. */
import { readFileSync, statSync } from 'node:fs'
import { isMap, isNode, isSeq, LineCounter, parseDocument, stringify } from 'yaml'
import { replaceFile } from '../../files/atomic.ts'
import { inOrder } from '../parts.ts'
import { faultOfModel, type Lock, type LockedModel, maxLockedModels, placeOf } from './lock.ts'

/** A lock file that cannot be used, with the reason and the line. */
export class LockError extends Error {
  override readonly name = 'LockError'
  /** From 1; 1 where no single line is at fault. */
  readonly line: number

  constructor(message: string, line = 1) {
    super(message)
    this.line = line
  }
}

/** What a lock file is right now. */
export type LockState =
  | { readonly state: 'read'; readonly lock: Lock }
  | { readonly state: 'missing' }
  | { readonly state: 'broken'; readonly reason: string }

const maxBytes = 8 * 1024 * 1024
const header = '# Written by `torwart models lock`: the versions of models that may be served.\n'

/** Reads a lock file without throwing. @param file path */
export function lockStateOf(file: string): LockState {
  try {
    const lock = readLock(file)
    return lock ? { state: 'read', lock } : { state: 'missing' }
  } catch (error) {
    const reason =
      error instanceof LockError ? `line ${error.line}: ${error.message}` : 'the file cannot be read'
    return { state: 'broken', reason }
  }
}

/** @returns undefined if there is no file. @throws LockError, and what `fs` throws */
export function readLock(file: string): Lock | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) return undefined
  // What is no file has no end that could be known.
  if (!found.isFile()) throw new LockError('is no file')
  if (found.size > maxBytes) throw new LockError(`has ${found.size} bytes, and may have ${maxBytes}`)
  return parseLock(readFileSync(file))
}

/** Reads the bytes of a lock file. @throws LockError */
export function parseLock(bytes: Uint8Array): Lock {
  const lines = new LineCounter()
  const document = parseDocument(decoded(bytes), { lineCounter: lines, prettyErrors: false, version: '1.2' })
  const lineOf = (offset: number | undefined) => Math.max(1, lines.linePos(offset ?? 0).line)
  const [fault] = [...document.errors, ...document.warnings]
  if (fault) throw new LockError(wordsFor(fault.code, fault.message), lineOf(fault.pos[0]))
  const top = document.contents
  if (!isMap(top)) throw new LockError('holds no mapping: it is empty, or was cut off')
  const value = plain(() => document.toJS({ maxAliasCount: 0 }) as unknown)
  const { version, count, models, ...others } = value as Record<string, unknown>
  const [stranger] = Object.keys(others)
  if (stranger !== undefined) throw new LockError(`has an unknown \`${stranger}\``)
  if (version !== 1) throw new LockError('has no `version: 1`, or another')
  if (!Array.isArray(models)) throw new LockError('has no list of `models`: it was cut off')
  const list = top.get('models', true)
  const lineAt = (index: number) => {
    const item = isSeq(list) ? list.items[index] : undefined
    return lineOf(isNode(item) ? item.range?.[0] : undefined)
  }
  for (const [index, model] of models.entries()) {
    const wrong = faultOfModel(model)
    if (wrong !== undefined) throw new LockError(`an entry of \`models\` ${wrong}`, lineAt(index))
  }
  const entries = models as readonly LockedModel[]
  if (count !== entries.length)
    throw new LockError(
      `says that it has ${String(count)} models, and has ${entries.length}: it was cut off or changed by hand`,
    )
  requireApart(entries, lineAt)
  return { models: entries }
}

/** @throws LockError */
function requireApart(entries: readonly LockedModel[], lineAt: (index: number) => number): void {
  if (entries.length > maxLockedModels) throw new LockError(`has more than ${maxLockedModels} models`)
  const seen = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    const place = placeOf(entry)
    if (seen.has(place)) throw new LockError(`has \`${entry.name}\` twice`, lineAt(index))
    seen.add(place)
  }
}

/** Bytes that are no text may be read as two different texts. @throws LockError */
function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new LockError('is not UTF-8')
  }
}

/** @throws LockError for an alias, which makes one value stand in two places */
function plain<T>(read: () => T): T {
  try {
    return read()
  } catch {
    throw new LockError('has a YAML alias')
  }
}

function wordsFor(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'has a key twice'
  const [first = ''] = message.split('\n', 1)
  return `is no valid YAML (${first}): it was cut off or changed by hand`
}

/**
 * Writes a lock file: sorted, so that the same models give the same bytes. What could not be read again does not replace
 * one that can: servers tell what they like, and without a lock every model is quarantined.
 * @throws LockError, and what `fs` throws
 */
export function writeLock(file: string, { models }: Lock): void {
  const text = formatLock({ models })
  parseLock(Buffer.from(text))
  replaceFile(file, text)
}

/** Returns the text of a lock file. */
export function formatLock({ models }: Lock): string {
  const sorted = models.toSorted((a, b) => compare(placeOf(a), placeOf(b))).map(ordered)
  return header + stringify({ version: 1, count: sorted.length, models: sorted }, { lineWidth: 0 })
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** One order of fields. `locked` is last, so that an entry that was cut off lacks it. */
function ordered(model: LockedModel): LockedModel {
  const { name, kind, upstream, digest, size, family, parameterSize, quantisation, parent } = model
  const { parts, metadata, hashed, accepted, locked } = model
  const facts = { size, family, parameterSize, quantisation, parent }
  const record = { metadata, hashed, accepted }
  const known = (fields: object) =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  return {
    ...{ name, kind, upstream, digest },
    ...known(facts),
    parts: inOrder(parts),
    ...known(record),
    locked,
  }
}
