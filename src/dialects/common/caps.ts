/**
 * Applies a role's caps to the parameters of a request: a higher value is lowered, a missing one is set, and every change
 * is noted by name.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'

/**
 * Caps a count that is unlimited when zero or negative (`num_predict`, `max_tokens`). It is always sent, because the
 * model's own value may change at any time.
 * @param clamped gets the field if it was lowered or set
 * @param own the model's own value, which holds if the body has none
 * @returns the effective value
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
 * Caps a size that has a sane default (`num_ctx`). If it is absent nothing is sent, or the cap would raise it.
 * @param own the model's own value, which holds if the body has none
 */
export function capSize(body: JsonObject, field: string, cap: number, clamped: string[], own?: number): void {
  const asked = body[field] ?? own
  if (typeof asked !== 'number' || asked <= cap) return
  clamped.push(field)
  body[field] = cap
}

/** Drops fields that the chosen server would not read. */
export function leaveOut(body: JsonObject, fields: readonly string[], dropped: string[]): void {
  for (const field of fields) {
    if (body[field] === undefined) continue
    dropped.push(field)
    delete body[field]
  }
}

/** The range of `keep_alive`, in whole seconds. */
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
  // Ollama truncates to whole seconds, so 0.5 unloads.
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
 * Caps how long the model stays loaded after the response. The minimum keeps a caller from unloading a model that others
 * use, the maximum from pinning it.
 */
export function capKeepAlive(body: JsonObject, cap: KeepAliveCap, clamped: string[]): void {
  const asked = body.keep_alive
  if (typeof asked !== 'number') return
  const capped = asked < 0 ? cap.maxSeconds : Math.min(Math.max(asked, cap.minSeconds), cap.maxSeconds)
  if (capped !== asked) clamped.push('keep_alive')
  // Ollama truncates to whole seconds.
  body.keep_alive = Math.ceil(capped)
}

/** @throws Refusal `invalid_request` if the request would unload the model and the policy has a minimum */
export function refuseUnload(body: JsonObject, cap: KeepAliveCap): void {
  if (body.keep_alive !== 0 || cap.minSeconds === 0) return
  throw new Refusal('invalid_request', {
    say:
      '`keep_alive: 0` without a prompt would unload the model, which all callers share. This key may not do that ' +
      `(\`caps.keepAlive.min\`). The model is unloaded once it has been idle for a while.`,
  })
}
