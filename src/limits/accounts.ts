/** Whose limits hold for a request. All that apply must have room. */
import type { ModelRule, Policy, Role, SharedLimits } from '../policy/policy.ts'
import type { Account, ClaimedAccount, Entry } from './store.ts'

const everybody: Account = { scope: 'all', name: '' }

export function keyAccount(id: string): Account {
  return { scope: 'key', name: id }
}

/** What is counted before the request is read. */
export function entryLimits(
  key: Account,
  kind: Entry['kind'],
  { name, limits, shared }: Role,
  policy: Policy,
): Entry['limits'] {
  if (kind === 'probes')
    return limits.probesPerMinute === undefined ? [] : [{ account: key, limit: limits.probesPerMinute }]
  const counted: { account: Account; limit: number }[] = []
  const add = (account: Account, limit: number | undefined) => {
    if (limit !== undefined) counted.push({ account, limit })
  }
  add(key, limits.requestsPerMinute)
  add({ scope: 'role', name }, shared.requestsPerMinute)
  add(everybody, policy.limits.requestsPerMinute)
  return counted
}

/** What is set aside for a request that was read. */
export function claimedAccounts(
  key: Account,
  { name, limits, shared }: Role,
  model: ModelRule | undefined,
  policy: Policy,
): readonly ClaimedAccount[] {
  const claimed: ClaimedAccount[] = []
  const add = (account: Account, limits: SharedLimits | undefined) => {
    if (limits && Object.values(limits).some((limit) => limit !== undefined))
      claimed.push({ account, limits })
  }
  add(key, withoutRequests(limits))
  add({ scope: 'role', name }, withoutRequests(shared))
  // Which model it is for was not known at the entry.
  if (model) add({ scope: 'model', name: model.pattern }, model.limits)
  add(everybody, withoutRequests(policy.limits))
  return claimed
}

/** Those were counted at the entry. */
function withoutRequests({ tokensPerMinute, tokensPerDay, concurrent }: SharedLimits): SharedLimits {
  return { requestsPerMinute: undefined, tokensPerMinute, tokensPerDay, concurrent }
}

/** The whole of the smallest token limit: what can never fit. */
export function wholeTokenLimit(claimed: readonly ClaimedAccount[]): number {
  return Math.min(
    ...claimed.flatMap(({ limits }) => [
      limits.tokensPerMinute ?? Number.POSITIVE_INFINITY,
      limits.tokensPerDay ?? Number.POSITIVE_INFINITY,
    ]),
    Number.POSITIVE_INFINITY,
  )
}
