/**
 * What was learned, beside the audit log, so that a restart forgets nothing. It holds no text of a prompt or an answer and no
 * address: of networks only digests with a salt, which is in the same file.
 */

import { existsSync, readFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isObject, tryJson } from '../core/json.ts'
import { randomHex } from '../core/random.ts'

/** The state of a watch at one moment. */
export interface WatchState {
  /** When it was taken, in epoch milliseconds. */
  readonly savedMs: number
  /** Of the digests of networks. */
  readonly salt: string
  /** Up to where the stream of all gateways was read; empty: from its beginning, or there is none. */
  readonly position: string
  /** Ids of requests that were observed just before, because records are written in another order. */
  readonly recent: readonly string[]
  /** The detector's own, which reads it. */
  readonly detector: unknown
}

const version = 1
const saltBytes = 16
/** Of some kilobytes each. */
const partsATurn = 50

/** Names the state file of an audit log. */
export function anomaliesFile(auditFile: string): string {
  return `${auditFile}.anomalies`
}

/** Makes the state of a watch that has seen nothing. */
export function emptyState(): WatchState {
  return { savedMs: 0, salt: randomHex(saltBytes), position: '', recent: [], detector: undefined }
}

/**
 * Writes a state as JSON, a few subjects a turn of the event loop: with ten thousand keys it takes seconds.
 * @param parts of the detector's state, which must not change meanwhile (`AnomalyDetector.stateParts`)
 */
export async function stateText(
  state: Omit<WatchState, 'detector'>,
  parts: Iterable<unknown>,
): Promise<string> {
  const pieces: string[] = []
  for (const part of parts) {
    pieces.push(JSON.stringify(part))
    if (pieces.length % partsATurn === 0) await nextTurn()
  }
  const [head = '{}', ...subjects] = pieces
  const detector = `${head.slice(0, -1)},"subjects":[${subjects.join(',')}]}`
  return `${JSON.stringify({ version, ...state }).slice(0, -1)},"detector":${detector}}`
}

/** Reads a state. @returns undefined if the text is none, or one of another version */
export function readState(text: string): WatchState | undefined {
  const value = tryJson(text)
  if (!isObject(value) || value.version !== version) return undefined
  const { savedMs, salt, position, recent, detector } = value
  const isWhole =
    typeof savedMs === 'number' &&
    typeof salt === 'string' &&
    /^[0-9a-f]{32}$/.test(salt) &&
    typeof position === 'string' &&
    /^(\d{1,20}-\d{1,20})?$/.test(position) &&
    Array.isArray(recent)
  if (!isWhole) return undefined
  return { savedMs, salt, position, recent: recent.filter((id) => typeof id === 'string'), detector }
}

/** Reads the state file. @returns undefined if there is none @throws TypeError if it is not one, and what `fs` throws */
export function readStateFile(file: string): WatchState | undefined {
  if (!existsSync(file)) return undefined
  const state = readState(readFileSync(file, 'utf8'))
  if (!state) throw new TypeError(`${file} is not a file of anomalies, or of another version`)
  return state
}
