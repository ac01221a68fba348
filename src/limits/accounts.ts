/** Whose limits hold for a request. All that apply must have room. */
import type { ModelRule, Policy, Role, SharedLimits } from '../policy/policy.ts'
import type {
  Account,
  AdmissionRequest,
  Claim,
  ClaimedAccount,
  ClaimedLimits,
  CountedLimit,
} from './store.ts'

const everybody: Account = { scope: 'all', name: '' }

const unlimited: SharedLimits = {
  requestsPerMinute: undefined,
  tokensPerMinute: undefined,
  tokensPerDay: undefined,
  concurrent: undefined,
}

/** Names the account of an API key, by its id. */
export function keyAccount(id: string): Account {
  return { scope: 'key', name: id }
}

/** A token and every token it was made from have what was set aside for each. Named after the key, too. */
function tokenAccount({ name }: Account, id: string): Account {
  return { scope: 'token', name: `${name}:${id}` }
}

/** Tells whether an account is more than one role's: what is used of it is missing elsewhere. A token's budget counts as such. */
export function isShared({ scope }: Account): boolean {
  return scope === 'all' || scope === 'model' || scope === 'group' || scope === 'token'
}

/**
 * Lists what is counted before the request is read.
 * @param probesPerMinute where the role has no limit for them
 */
export function entryLimits(
  key: Account,
  kind: AdmissionRequest['kind'],
  { name, limits, shared, budgets }: Role,
  policy: Policy,
  probesPerMinute?: number,
): AdmissionRequest['limits'] {
  const counted: CountedLimit[] = []
  const add = (account: Account, limit: number | undefined) => {
    if (limit !== undefined) counted.push({ account, limit })
  }
  if (kind === 'probes') {
    add(key, limits.probesPerMinute ?? probesPerMinute)
    return counted
  }
  add(key, limits.requestsPerMinute)
  add({ scope: 'role', name }, shared.requestsPerMinute)
  add(everybody, policy.limits.requestsPerMinute)
  for (const { id, requests } of budgets)
    if (requests !== undefined)
      counted.push({ account: tokenAccount(key, id), limit: requests, perDay: true })
  return counted
}

/**
 * Lists what is set aside for a request that was read.
 * @param person the account of the person that it is from; undefined where the role knows no persons
 */
export function claimedAccounts(
  key: Account,
  { name, limits, shared, budgets, group }: Role,
  model: ModelRule | undefined,
  policy: Policy,
  person: Account | undefined,
): readonly ClaimedAccount[] {
  const claimed: ClaimedAccount[] = []
  const add = (account: Account, limits: ClaimedLimits | undefined) => {
    if (limits && Object.values(limits).some((limit) => limit !== undefined))
      claimed.push({ account, limits })
  }
  add(key, withoutRequests(limits))
  // Which person it is from may stand in its body.
  if (person) add(person, limits.perPerson)
  add({ scope: 'role', name }, withoutRequests(shared))
  const budget = group === undefined ? undefined : policy.groups.get(group)
  if (group !== undefined && budget) add({ scope: 'group', name: group }, { ...unlimited, ...budget })
  // Which model it is for was not known at the entry.
  if (model) add({ scope: 'model', name: model.pattern }, model.limits)
  add(everybody, withoutRequests(policy.limits))
  // A token lives for a day at most, so that what it may use in a day is all it may use.
  for (const { id, tokens } of budgets) add(tokenAccount(key, id), { ...unlimited, tokensPerDay: tokens })
  return claimed
}

/**
 * Names the line in which a request waits for a slot: of persons with limits each has its own, so that one who may run no
 * more keeps no others of the same key waiting.
 */
export function lineOf(key: string, claim: Pick<Claim, 'accounts'> | undefined): string {
  return claim?.accounts.find(({ account }) => account.scope === 'person')?.account.name ?? key
}

/** Narrows what is set aside to slots, or to tokens; accounts without either are left out. */
export function onlyTaking(taken: 'slot' | 'tokens', claimed: readonly ClaimedAccount[]): ClaimedAccount[] {
  return claimed.flatMap(({ account, limits }) => {
    const { concurrent } = limits
    if (taken === 'slot')
      return concurrent === undefined ? [] : [{ account, limits: { ...unlimited, concurrent } }]
    const rest: ClaimedLimits = { ...limits, concurrent: undefined }
    return Object.values(rest).some((limit) => limit !== undefined) ? [{ account, limits: rest }] : []
  })
}

/** Those were counted at the entry. */
function withoutRequests({ tokensPerMinute, tokensPerDay, concurrent }: SharedLimits): SharedLimits {
  return { requestsPerMinute: undefined, tokensPerMinute, tokensPerDay, concurrent }
}

/** Finds the smallest token limit as a whole: what is larger can never fit. */
export function wholeTokenLimit(claimed: readonly ClaimedAccount[]): number {
  return Math.min(
    ...claimed.flatMap(({ limits }) => [
      limits.tokensPerMinute ?? Number.POSITIVE_INFINITY,
      limits.tokensPerDay ?? Number.POSITIVE_INFINITY,
      limits.tokensPerMonth ?? Number.POSITIVE_INFINITY,
    ]),
    Number.POSITIVE_INFINITY,
  )
}
