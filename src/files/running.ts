/**
 * What a running gate tells those who change its files: that it runs, and in which state it has read each of them. A
 * small file beside the audit log, replaced whole and touched every other second; lost or stale, it does no harm.
 */
import { rmSync, statSync, utimesSync } from 'node:fs'
import { hostname } from 'node:os'
import { type FieldChecks, isText, wrongField } from '../core/fields.ts'
import { replaceUnsyncedSync } from './atomic.ts'
import { readJsonFile } from './json.ts'

/** Files of a gate, and the states (`state.ts`) in which it has read them. */
export interface TakenFiles {
  readonly keys: string
  readonly revoked: string
  readonly freezes: string
  readonly exceptions: string
  /** The lock file of models. */
  readonly lock: string
}

/** What a running gate tells commands of itself. */
export interface RunningState {
  readonly taken: TakenFiles
  /** What its model servers have themselves, by their kind; null: one of them has not told. */
  readonly models: Readonly<Record<string, readonly string[]>> | null
}

interface RunningFile extends RunningState {
  readonly pid: number
  readonly host: string
}

const lookMs = 200
const touchMs = 2000
/** From then on who has not touched it is gone. */
const staleMs = 8000

function runningFile(auditFile: string): string {
  return `${auditFile}.running.json`
}

/**
 * Keeps the file as the gate's state is.
 * @param report a file that cannot be written, once until it can
 * @returns what ends it; called again it does nothing
 */
export function announce(
  auditFile: string,
  pid: number,
  state: () => RunningState,
  report: (error: unknown) => void,
): () => void {
  const file = runningFile(auditFile)
  let written = ''
  let touchedAt = 0
  let failing = false
  const tell = () => {
    try {
      const text = JSON.stringify({ pid, host: hostname(), ...state() } satisfies RunningFile)
      if (text === written && performance.now() - touchedAt < touchMs) return
      if (text === written) utimesSync(file, new Date(), new Date())
      else replaceUnsyncedSync(file, text)
      written = text
      touchedAt = performance.now()
      failing = false
    } catch (error) {
      written = ''
      if (!failing) report(error)
      failing = true
    }
  }
  tell()
  const timer = setInterval(tell, lookMs)
  timer.unref()
  let hasEnded = false
  return () => {
    clearInterval(timer)
    // After an upgrade the file is that of another process.
    if (!hasEnded) rmSync(file, { force: true })
    hasEnded = true
  }
}

const isNames = (value: unknown) => Array.isArray(value) && value.every((name) => typeof name === 'string')
const areModels = (value: unknown) =>
  value === null || (typeof value === 'object' && Object.values(value as object).every(isNames))
const isState = (value: unknown) => value === '' || isText(128)(value)
const takenChecks: FieldChecks<TakenFiles> = {
  keys: isState,
  revoked: isState,
  freezes: isState,
  exceptions: isState,
  lock: isState,
}
const checks: FieldChecks<RunningFile> = {
  pid: (value) => Number.isSafeInteger(value),
  host: isText(256),
  taken: (value) => wrongField(value, takenChecks) === undefined,
  models: areModels,
}

/**
 * Reads what a running gate tells.
 * @param isAlive of a process on this machine
 * @returns undefined if no gate runs that writes this log, as far as can be known
 */
export function runningGate(auditFile: string, isAlive: (pid: number) => boolean): RunningState | undefined {
  const file = runningFile(auditFile)
  try {
    const since = statSync(file, { throwIfNoEntry: false })?.mtimeMs
    if (since === undefined || Math.abs(Date.now() - since) > staleMs) return undefined
    const state = readJsonFile(file, 'a running gate', (value) =>
      wrongField(value, checks) === undefined ? (value as RunningFile) : undefined,
    )
    // Of a process in another container nothing is known but that it touches the file.
    return state && (state.host !== hostname() || isAlive(state.pid)) ? state : undefined
  } catch {
    return undefined
  }
}
