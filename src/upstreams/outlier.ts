/**
 * Outlier detection, in Envoy's terms: a server that answers and fails is ejected for a while. One failure may be the
 * request's fault, and so may many: they count only where another server fares clearly better, and some share of the
 * servers is never ejected.
 */
import type { OutlierDetection } from '../policy/policy.ts'
import type { Health, Tally } from './health.ts'

/** So many times less often another must fail. */
const betterBy = 2

/** Judges whether a server is to be left alone. @param others the other servers of the policy */
export function isOutlier(server: Health, others: readonly Health[], settings: OutlierDetection): boolean {
  if (server.ejected) return false
  const { tally, inARow } = server
  const enough = tally.requests >= settings.requestVolume
  const often = enough && rateOf(tally) * 100 >= settings.failurePercentage
  if (!often && inARow < settings.consecutiveFailures) return false
  const ejected = others.filter((other) => other.ejected).length + 1
  if (ejected * 100 > settings.maxEjectionPercent * (others.length + 1)) return false
  const rate = rateOf(tally)
  // One that was not asked yet is worth a try.
  return others.some((other) => !other.ejected && rateOf(other.tally) * betterBy <= rate)
}

/** Calculates the part of requests that failed, from 0 to 1. */
export function rateOf({ requests, failures }: Tally): number {
  return requests === 0 ? 0 : failures / requests
}
