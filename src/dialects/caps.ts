/**
 * How a role's caps meet the parameters of a request: lowered where they ask for more, set where they are
 * silent, and named when something was lowered.
 */
import type { JsonObject, JsonValue } from '../core/json.ts'

/**
 * Caps a count that is unlimited when absent, zero or negative (`num_predict`, `max_tokens`).
 * @returns what holds now
 */
export function capCount(body: JsonObject, field: string, cap: number, clamped: string[]): number {
  const asked = body[field]
  if (typeof asked === 'number' && asked > 0 && asked <= cap) return asked
  if (asked !== undefined) clamped.push(field)
  body[field] = cap
  return cap
}

/** Caps a size that has a sane default when absent (`num_ctx`). */
export function capSize(body: JsonObject, field: string, cap: number, clamped: string[]): void {
  const asked = body[field]
  if (typeof asked !== 'number' || asked <= cap) return
  clamped.push(field)
  body[field] = cap
}

/** Takes out what the chosen server would not read. */
export function leaveOut(body: JsonObject, fields: readonly string[], dropped: string[]): void {
  for (const field of fields) {
    if (body[field] === undefined) continue
    dropped.push(field)
    delete body[field]
  }
}

const longestKeepAliveSeconds = 3600
const goDuration = /^([+-]?)((?:\d{1,9}(?:\.\d{0,9})?(?:ns|us|µs|μs|ms|s|m|h))+|0)$/
const goUnits: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
}

/** Seconds of a `keep_alive` as Ollama reads it (a number of seconds or a Go duration), or undefined. */
export function keepAliveSeconds(value: JsonValue): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  const match = goDuration.exec(value)
  if (!match) return undefined
  let seconds = 0
  for (const [, count, unit] of (match[2] ?? '').matchAll(/(\d+(?:\.\d*)?)(\D+)/g))
    seconds += Number(count) * (goUnits[unit ?? ''] ?? 0)
  return match[1] === '-' ? -seconds : seconds
}

/**
 * How long the model stays loaded after the answer, in whole seconds: at most an hour, so that nobody pins it,
 * and undefined (the server's default) for zero and less, so that nobody unloads it under the others.
 */
export function cappedKeepAlive(seconds: number): number | undefined {
  if (seconds < 0 || seconds > longestKeepAliveSeconds) return longestKeepAliveSeconds
  return Math.floor(seconds) || undefined
}
