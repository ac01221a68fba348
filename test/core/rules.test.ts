/** The small rules of `core/`. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldKey } from '../../src/core/fold.ts'
import { matchesGlob } from '../../src/core/glob.ts'
import { asRefusal, describeError, Refusal, refusals } from '../../src/core/refusal.ts'
import { parseDuration, parseSize } from '../../src/core/units.ts'

describe('foldKey', () => {
  it.each(['MESSAGES', 'Messages', 'me\u017f\u017fages', 'mESSAGES'])('folds %s as Go does', (key) => {
    expect(foldKey(key)).toBe('messages')
  })
  it('folds the Kelvin sign', () => expect(foldKey('thin\u212a')).toBe('think'))
  it.each(['message', 'messagés', 'mеssages'])('leaves %s another key', (key) => {
    expect(foldKey(key)).not.toBe('messages')
  })
})

describe('units', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms))
  it.each(['5', '5 s', '-5s', '1.5h', '5S', 's', '99999999999s', 'constructor'])(
    '%s is no duration',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  )
  it('reads sizes', () => {
    expect(parseSize('64KiB')).toBe(65_536)
    expect(parseSize('1MiB')).toBe(1_048_576)
    expect(parseSize('1MB')).toBeUndefined()
  })
})

describe('matchesGlob', () => {
  it.each([
    ['*', '', true],
    ['a*c', 'abc', true],
    ['a*c', 'ac', true],
    ['a*c', 'acb', false],
    ['*.*', 'a.b', true],
    ['a', 'aa', false],
    ['', '', true],
    ['', 'a', false],
    ['a+b', 'aab', false],
  ])('%s against %s', (pattern, text, matches) => expect(matchesGlob(pattern, text)).toBe(matches))

  it('agrees with a regular expression', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 })
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 })
    fc.assert(
      fc.property(pattern, letters, (glob, text) => {
        expect(matchesGlob(glob, text)).toBe(new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(text))
      }),
    )
  })

  it('does not blow up on many stars', () => {
    expect(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(4000))).toBe(false)
  })
})

describe('refusals', () => {
  /** The table of config/README.md and of the contract. */
  const contract: Readonly<Record<string, number>> = {
    invalid_request: 400,
    prompt_blocked: 400,
    output_blocked: 400,
    tool_not_allowed: 400,
    approval_denied: 400,
    invalid_credentials: 401,
    route_not_allowed: 403,
    frozen: 403,
    model_quarantined: 403,
    not_found: 404,
    model_not_allowed: 404,
    method_not_allowed: 405,
    body_too_large: 413,
    too_much_to_scan: 413,
    unsupported_media_type: 415,
    rate_limited: 429,
    tokens_exhausted: 429,
    too_many_concurrent: 429,
    breaker_open: 429,
    repetition: 429,
    internal: 500,
    upstream_failed: 502,
    upstream_unavailable: 503,
    overloaded: 503,
    queue_full: 503,
    store_unavailable: 503,
    audit_unavailable: 503,
    upstream_timeout: 504,
  }
  it('are exactly those of the contract', () => {
    expect(Object.fromEntries(Object.entries(refusals).map(([code, { status }]) => [code, status]))).toEqual(
      contract,
    )
  })
  it('tell clients to give up on policy, and on a wait longer than 30 s', () => {
    expect(new Refusal('prompt_blocked').final).toBe(true)
    expect(new Refusal('rate_limited', { retryAfterSeconds: 30 }).final).toBe(false)
    expect(new Refusal('rate_limited', { retryAfterSeconds: 31 }).final).toBe(true)
    expect(new Refusal('upstream_failed').final).toBe(false)
    // Or an SDK has a model that is too slow do the same work three times.
    expect(new Refusal('upstream_timeout').final).toBe(true)
  })
  it('turn an unknown error into one that tells nothing', () => {
    const refusal = asRefusal(new TypeError('secret path /etc/x'))
    expect(refusal.code).toBe('internal')
    expect(refusal.say).not.toContain('secret')
    expect(describeError(refusal.cause)).toMatch(/^TypeError at /)
    expect(describeError(refusal.cause)).not.toContain('secret')
  })
})
