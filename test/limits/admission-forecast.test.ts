/** Who is expected to be admitted, and how many of them may wait to be asked about. */
import { describe, expect, it } from 'vitest'
import { AdmissionForecast } from '../../src/limits/admission-forecast.ts'
import type { Admission } from '../../src/limits/store.ts'
import { entry, freshKey } from '../rig/limits.ts'

function answer(remaining: number | undefined, more: Partial<Admission> = {}): Admission {
  return {
    outcome: 'admitted',
    standing: remaining === undefined ? undefined : { scope: 'key', limit: 1000, remaining, resetMs: 1 },
    retryMs: 0,
    nextMs: 0,
    trial: false,
    opened: false,
    atMs: 0,
    local: false,
    ...more,
  }
}

describe('the forecast of admissions', () => {
  const account = freshKey()
  const ask = () => entry(account, 1000)
  /** @returns of how many at once it expects that they are admitted */
  const deferred = (forecast: AdmissionForecast) => {
    const entries = Array.from({ length: 100 }, ask)
    return entries.filter((each) => forecast.defer(each))
  }
  const after = (...answers: Admission[]) => {
    const forecast = new AdmissionForecast()
    for (const each of answers) forecast.asked(ask(), each)
    return forecast
  }

  it('expects nothing of whom it does not know', () => {
    const forecast = after(answer(500))
    expect(forecast.defer(entry(freshKey(), 1000))).toBe(false)
    expect(forecast.defer(ask())).toBe(true)
  })

  it('lets no more wait than there was room for, and never many', () => {
    expect(deferred(after(answer(3)))).toHaveLength(3)
    expect(deferred(after(answer(0)))).toHaveLength(0)
    expect(deferred(after(answer(999)))).toHaveLength(32)
    expect(deferred(after(answer(undefined)))).toHaveLength(32)
  })

  it('has room again for each that was asked about, as much as the answer leaves', () => {
    const forecast = after(answer(3))
    const waiting = deferred(forecast)
    for (const each of waiting.slice(0, 2)) forecast.asked(each, answer(2))
    // Two were left, and one still waits.
    expect(deferred(forecast)).toHaveLength(1)
  })

  it('expects nothing after a refusal, a trial of a breaker or a failure, until somebody is admitted', () => {
    for (const refused of [answer(5, { outcome: 'requests' }), answer(5, { outcome: 'breaker' })]) {
      expect(deferred(after(answer(9), refused))).toHaveLength(0)
      expect(deferred(after(answer(9), refused, answer(4)))).toHaveLength(4)
    }
    expect(deferred(after(answer(9, { trial: true })))).toHaveLength(0)
    const failed = after(answer(9))
    failed.failed(ask())
    expect(deferred(failed)).toHaveLength(0)
  })

  it('keeps tokens of one key apart, which have budgets of their own', () => {
    const forecast = new AdmissionForecast()
    const ofToken = (name: string) =>
      entry(account, 1000, {
        limits: [
          { account, limit: 1000 },
          { account: { scope: 'token', name }, limit: 5, perDay: true },
        ],
      })
    forecast.asked(ofToken('one'), answer(0, { outcome: 'requests' }))
    forecast.asked(ofToken('other'), answer(4))
    expect(forecast.defer(ofToken('one'))).toBe(false)
    expect(forecast.defer(ofToken('other'))).toBe(true)
  })
})
