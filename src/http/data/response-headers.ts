/**
 * The gateway's own response headers. Of a model server's headers only the content type is passed on.
 */
import type { Refusal } from '../../core/refusal.ts'
import type { Outgoing, RouteGroup } from '../../dialects/dialect.ts'
import { type RateLimitStatus, tightest } from '../../limits/store.ts'
import type { RequestContext } from '../../pipeline/context.ts'

/** Headers by lower-case name. */
export type ResponseHeaders = Record<string, string>

/** Names the header that lists the guards and their verdicts. */
export const guardsHeader = 'x-torwart-guards'

/** Returns the headers of every response, as far as the request has come. */
export function responseHeaders(context: RequestContext): ResponseHeaders {
  const { id, dialect, admission, reservation, outgoing } = context
  const headers: ResponseHeaders = {
    'x-request-id': id,
    [guardsHeader]: guardSummary(context),
    'x-content-type-options': 'nosniff',
  }
  if (dialect.idHeader !== undefined) headers[dialect.idHeader] = id
  const requests = tightest(admission?.standing, reservation?.requests)
  if (requests) addRateLimitHeaders(headers, 'requests', requests)
  if (reservation?.tokens) addRateLimitHeaders(headers, 'tokens', reservation.tokens)
  // Each gateway counts alone, so several together admit more than the policy says.
  if (admission?.local || reservation?.local) headers['x-torwart-limits'] = 'local'
  if (context.would.size > 0) headers['x-torwart-would'] = [...context.would].join(', ')
  if (outgoing && outgoing.clamped.length > 0) headers['x-torwart-clamped'] = outgoing.clamped.join(', ')
  const leftOut = outgoing ? leftOutOf(outgoing) : []
  if (leftOut.length > 0) headers['x-torwart-left-out'] = leftOut.join(', ')
  return headers
}

/** Routes whose responses a model writes or draws. */
const generating: ReadonlySet<RouteGroup> = new Set(['chat', 'completions', 'images', 'audio'])
const visible = /^[\x21-\x7e]{1,512}$/

/** Adds the headers that say what wrote a response: the model with its digest, and the marking of the role. */
export function addOriginHeaders(headers: ResponseHeaders, context: RequestContext): void {
  const { model, target, upstream, role, endpoint } = context
  if (!model || !target || !upstream) return
  const name = visible.test(model.served) ? model.served : encodeURIComponent(model.served).slice(0, 512)
  const digest = target.digest === null ? '' : `@sha256:${target.digest.replace(/^sha256:/, '')}`
  headers['x-torwart-model'] = `${name}${digest}`
  if (role?.marking === 'ai-generated' && endpoint !== undefined && generating.has(endpoint.group))
    headers['x-torwart-marking'] = role.marking
}

/** Matches a dropped tool whose name fits into a header. */
const tool = /^tools\[([a-z_][\w.:/-]{0,63})\]$/i
const maxNamed = 32

/** Returns what the client must be told that it was dropped: tools, and the id of a previous response. */
function leftOutOf({ leftOut = [], dropped }: Pick<Outgoing, 'leftOut' | 'dropped'>): string[] {
  const tools = dropped.flatMap((path) => tool.exec(path)?.[1] ?? [])
  return [...new Set([...leftOut, ...tools])].slice(0, maxNamed)
}

/** Returns the headers of an error response. */
export function refusalHeaders(context: RequestContext, refusal: Refusal): ResponseHeaders {
  const headers = responseHeaders(context)
  headers['x-torwart-code'] = refusal.code
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(refusal.retryAfterSeconds)
  if (refusal.final) headers['x-should-retry'] = 'false'
  if (refusal.code === 'invalid_credentials') headers['www-authenticate'] = challengeOf(context)
  return headers
}

/** Browsers ask for a password, which is the key, where there are pages for people. */
function challengeOf({ passThrough }: RequestContext): string {
  return passThrough ? 'Basic realm="torwart", charset="UTF-8"' : 'Bearer'
}

/**
 * Returns the value of the guards header, such as `prompt=allow`, or `none`. It names only guards that ran.
 * @param running whether the output guard is still reading; the trailer of the stream then has its verdict
 */
export function guardSummary(
  { guards, resultGuards, responseGuard }: RequestContext,
  running = false,
): string {
  const named = [...(guards ?? []), ...(resultGuards ?? [])].map(([guard, verdict]) => `${guard}=${verdict}`)
  if (responseGuard && running && responseGuard.verdict !== 'unread') named.push('output=running')
  else if (responseGuard?.verdict) named.push(`output=${responseGuard.verdict}`)
  if (responseGuard && responseGuard.planted.length > 0) named.push('canary=planted')
  return named.join(', ') || 'none'
}

/** Adds the headers that clients of hosted APIs know; `reset` in whole seconds. */
function addRateLimitHeaders(
  headers: ResponseHeaders,
  what: 'requests' | 'tokens',
  { limit, remaining, resetMs }: RateLimitStatus,
) {
  headers[`x-ratelimit-limit-${what}`] = String(limit)
  headers[`x-ratelimit-remaining-${what}`] = String(remaining)
  headers[`x-ratelimit-reset-${what}`] = String(Math.ceil(resetMs / 1000))
}
