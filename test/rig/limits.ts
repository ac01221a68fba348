/** Requests as a limit store sees them; what a test does not name is usual. */
import type {
  Account,
  AdmissionRequest,
  Budget,
  Claim,
  ClaimedAccount,
  ClaimedLimits,
  Settlement,
} from '../../src/limits/store.ts'

/** Generous: the machine that runs the tests may stall. */
export const budget = (leftMs = 5000): Budget => ({ leftMs })

let count = 0
/** A key that nobody has used yet. */
export const freshKey = (): Account => ({ scope: 'key', name: `k${count++}` })
export const lease = () => `lease-${count++}`

function limitsOf(limits: Partial<ClaimedLimits>): ClaimedLimits {
  return {
    requestsPerMinute: undefined,
    tokensPerMinute: undefined,
    tokensPerDay: undefined,
    concurrent: undefined,
    ...limits,
  }
}

export function claimed(account: Account, limits: Partial<ClaimedLimits>): ClaimedAccount {
  return { account, limits: limitsOf(limits) }
}

export function entry(
  account: Account,
  limit: number,
  more: Partial<AdmissionRequest> = {},
): AdmissionRequest {
  return { lease: lease(), kind: 'requests', limits: [{ account, limit }], breaker: undefined, ...more }
}

export function claim(account: Account, limits: Partial<ClaimedLimits>, more: Partial<Claim> = {}): Claim {
  return { lease: lease(), tokens: 10, accounts: [claimed(account, limits)], repetition: undefined, ...more }
}

export function settlement(of: Claim | undefined, more: Partial<Settlement> = {}): Settlement {
  return {
    lease: of?.lease ?? 'none',
    claim: of,
    spent: 0,
    breaker: undefined,
    actions: 0,
    trial: undefined,
    repetition: undefined,
    unsaid: false,
    ...more,
  }
}
