/** Under which code a session is closed (RFC 6455, 7.4.1; 1012 and 1013: IANA's registry). */
import type { Refusal } from '../../core/refusal.ts'

/** The client asked for it. */
export const normalClosure = 1000
const policyViolation = 1008
const internalError = 1011
const tryAgainLater = 1013

/** Returns the code for what ends a session. */
export function closeCodeOf({ status }: Pick<Refusal, 'status'>): number {
  if (status === 503) return tryAgainLater
  // What took too long was a limit of the policy.
  return status < 500 || status === 504 ? policyViolation : internalError
}

/** Tells whether a code is that of an end both sides agree on. */
export function isOrderly(code: number): boolean {
  return code === normalClosure || code === 1001 || code === 1005
}
