/** The saved state, read with suspicion: a file that someone else wrote, or another version, starts anew instead of failing. */
import { type Anomaly, anomalyKinds } from './anomaly.ts'
import type { SavedBudget } from './budget.ts'
import type { SavedAnomalies } from './open-anomalies.ts'
import type { Pools, SavedSubject } from './subject.ts'

/** Raised whenever an older state can no longer be read. */
export const stateVersion = 1

/** Everything that is kept. */
export interface SavedState {
  readonly version: number
  readonly pools: Pools
  readonly budget: SavedBudget
  /** When the limits were last renewed, in hours, and what they follow from. */
  readonly limits: readonly [hour: number, chart: number, names: number, stretch: number]
  readonly anomalies: SavedAnomalies
  readonly subjects: readonly (readonly [id: string, subject: SavedSubject])[]
}

/** Reads a state. @returns undefined if it is of another version, or not one that `state()` returned */
export function readState(state: unknown): SavedState | undefined {
  return isState(state) ? state : undefined
}

type Members = Readonly<Record<string, unknown>>
type Guard<T> = (value: unknown) => value is T

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isNumber = (value: unknown): value is number => Number.isFinite(value)
const isString = (value: unknown): value is string => typeof value === 'string'

function isListOf<T>(each: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(each)
}

const isNumbers = isListOf(isNumber)
const isStrings = isListOf(isString)
/** Of a name and numbers. */
const isCount = (value: unknown): value is readonly [string, ...number[]] =>
  Array.isArray(value) && isString(value[0]) && isNumbers(value.slice(1))
const isCounts = isListOf(isCount)

function isState(value: unknown): value is SavedState {
  if (!isObject(value) || value.version !== stateVersion) return false
  const { pools, budget, limits, anomalies, subjects } = value
  return (
    isPools(pools) &&
    isObject(budget) &&
    isNumbers(budget.windows) &&
    budget.windows.length === 7 &&
    isNumber(budget.day) &&
    isNumbers(budget.alarms) &&
    isNumbers(limits) &&
    limits.length === 4 &&
    isAnomalies(anomalies) &&
    Array.isArray(subjects) &&
    subjects.every((entry) => Array.isArray(entry) && isString(entry[0]) && isSubjectState(entry[1]))
  )
}

function isPools(value: unknown): value is Pools {
  const isPool = (pool: unknown) => isObject(pool) && isNumber(pool.novelties) && isNumber(pool.windows)
  return isObject(value) && isPool(value.networks) && isPool(value.tools)
}

function isSubjectState(value: unknown): value is SavedSubject {
  if (!isObject(value)) return false
  const { subject, firstMs, requests, window, isPending, driftMs, charts, scripts, models, ids } = value
  return (
    isSubject(subject) &&
    [firstMs, requests, window, driftMs].every(isNumber) &&
    typeof isPending === 'boolean' &&
    isObject(charts) &&
    Object.values(charts).every(isChart) &&
    isNames(scripts) &&
    isStrings(models) &&
    isListOf(isStrings)(ids) &&
    isOptional(value.profile, (profile) => isNumbers(profile.closed) && isNumbers(profile.open)) &&
    isOptional(value.networks, isNovelty) &&
    isOptional(value.tools, isNovelty) &&
    (value.hours === undefined || isNumbers(value.hours))
  )
}

function isOptional(value: unknown, isRight: (value: Members) => boolean): boolean {
  return value === undefined || (isObject(value) && isRight(value))
}

function isNovelty({ known, fresh, numbers, open }: Members): boolean {
  return isCounts(known) && isCounts(fresh) && isNumbers(numbers) && isCounts(open)
}

function isNames(value: unknown): boolean {
  return isObject(value) && isCounts(value.closed) && isCounts(value.open)
}

function isSubject(value: unknown): boolean {
  return isObject(value) && (value.kind === 'key' || value.kind === 'model') && isString(value.id)
}

function isChart(value: unknown): boolean {
  if (!isObject(value) || !isNumbers(value.numbers) || !Array.isArray(value.values)) return false
  const [current, sinceMs, before] = value.values
  return isNumbers(current) && isNumber(sinceMs) && isNumbers(before)
}

function isAnomalies(value: unknown): value is SavedAnomalies {
  if (!isObject(value) || !isNumber(value.told)) return false
  const isOpen = (open: unknown) =>
    isObject(open) &&
    isAnomaly(open.anomaly) &&
    isNumber(open.openedMs) &&
    isNumber(open.oddMs) &&
    isStrings(open.models) &&
    Array.isArray(open.members) &&
    open.members.every((member) => Array.isArray(member) && isString(member[0]) && isStrings(member[1]))
  return (
    Array.isArray(value.open) &&
    value.open.every(isOpen) &&
    Array.isArray(value.over) &&
    value.over.every(isAnomaly)
  )
}

const kinds = new Set<unknown>(anomalyKinds)

function isAnomaly(value: unknown): value is Anomaly {
  return (
    isObject(value) &&
    kinds.has(value.kind) &&
    isSubject(value.subject) &&
    [value.id, value.usual, value.now].every(isString) &&
    [value.sinceMs, value.atMs, value.score].every(isNumber) &&
    isStrings(value.records) &&
    (value.state === 'open' || value.state === 'over')
  )
}
