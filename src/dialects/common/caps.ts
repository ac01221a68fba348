/**
 * How a role's caps meet the parameters of a request: lowered where they ask for more, set where they are
 * silent, and named when something was lowered.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'

/**
 * Caps a count that is unlimited when zero or negative, and the model's own when absent (`num_predict`, `max_tokens`). It
 * is always sent: what is left out would be unlimited, too, as soon as the model's file changes.
 * @param own the model's own value, if it has one
 * @returns what holds now
 */
export function capCount(
  body: JsonObject,
  field: string,
  cap: number,
  clamped: string[],
  own?: number,
): number {
  const wanted = body[field] ?? own
  const isWithin = typeof wanted === 'number' && wanted > 0 && wanted <= cap
  if (!isWithin) clamped.push(field)
  const count = isWithin ? wanted : cap
  body[field] = count
  return count
}

/**
 * Caps a size that has a sane default when absent (`num_ctx`): nothing is sent then, or a cap would enlarge it.
 * @param own the model's own value, if it has one
 */
export function capSize(body: JsonObject, field: string, cap: number, clamped: string[], own?: number): void {
  const asked = body[field] ?? own
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

/** Bounds of `keep_alive`, in whole seconds. */
export interface KeepAliveCap {
  readonly minSeconds: number
  readonly maxSeconds: number
}

/** Go's `time.ParseDuration`: digits may stand on one side of the point only, and `0` needs no unit. */
const goDuration = /^([+-]?)((?:(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:ns|us|µs|μs|ms|s|m|h))+|0)$/
const goUnits: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}
/** More than a hundred years, which JSON can still carry as a whole number. */
const foreverSeconds = 4_000_000_000

/**
 * Reads a `keep_alive` as Ollama does: a number of whole seconds or a Go duration.
 * @returns seconds, negative for "never unload", or undefined if Ollama would not read it
 */
export function keepAliveSeconds(value: JsonValue): number | undefined {
  // A fraction of a second is cut off there, so that 0.5 unloads.
  if (typeof value === 'number') return value < 0 ? -1 : Math.min(Math.trunc(value), foreverSeconds)
  if (typeof value !== 'string' || value.length > 64) return undefined
  const match = goDuration.exec(value)
  if (!match) return undefined
  let nanoseconds = 0
  for (const [, count, unit] of (match[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)([^\d.]+)/g))
    nanoseconds += Number(count) * (goUnits[unit ?? ''] ?? 0)
  if (match[1] === '-' && nanoseconds > 0) return -1
  return Math.min(nanoseconds / 1e9, foreverSeconds)
}

/**
 * Bounds how long the model stays loaded after the answer: the floor keeps a caller from unloading what others use,
 * the ceiling from pinning it.
 */
export function capKeepAlive(body: JsonObject, cap: KeepAliveCap, clamped: string[]): void {
  const asked = body.keep_alive
  if (typeof asked !== 'number') return
  const capped = asked < 0 ? cap.maxSeconds : Math.min(Math.max(asked, cap.minSeconds), cap.maxSeconds)
  if (capped !== asked) clamped.push('keep_alive')
  // Ollama cuts fractions off.
  body.keep_alive = Math.ceil(capped)
}

/** @throws Refusal if this would unload a model, which is everybody's, and policy has a floor */
export function refuseUnload(body: JsonObject, cap: KeepAliveCap): void {
  if (body.keep_alive !== 0 || cap.minSeconds === 0) return
  throw new Refusal('invalid_request', {
    say:
      '`keep_alive: 0` without a prompt would unload the model, which requests of others share. This key may not ' +
      `(\`caps.keepAlive.min\`); the model is unloaded when nobody has used it for a while.`,
  })
}
