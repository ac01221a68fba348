/** What the operations of `lua/` answer, as the head of each file lists it. */
import { Refusal } from '../../core/refusal.ts'
import type {
  AccountUse,
  Admission,
  Entrance,
  RateLimitStatus,
  Reservation,
  Scope,
  Settled,
} from '../store.ts'

const scopes: readonly Scope[] = ['key', 'role', 'model', 'all', 'token', 'person', 'group']
const admissions = ['admitted', 'requests', 'breaker'] as const
const reservations = ['granted', 'requests', 'tokens', 'concurrent', 'repetition'] as const

/** Numbers a scope as scripts do; 0 is none. */
export function scopeNumber(scope: Scope): number {
  return scopes.indexOf(scope) + 1
}

/**
 * Checks the length of an answer: what a script did not say must not be taken for a yes.
 * @throws Refusal `store_unavailable`
 */
export function whole(answer: readonly number[], length: number): readonly number[] {
  if (answer.length === length) return answer
  throw new Refusal('store_unavailable', { detail: 'unexpected reply from Redis', retryAfterSeconds: 1 })
}

/** Reads the answer of `admit`. @throws Refusal `store_unavailable` */
export function admissionOf(answer: readonly number[]): Admission {
  const [outcome = 1, retryMs = 0, nextMs = 0, trial = 0, opened = 0, atMs = 0, ...status] = whole(answer, 10)
  return {
    outcome: admissions[outcome] ?? 'requests',
    standing: statusOf(status),
    retryMs,
    nextMs,
    trial: trial === 1,
    opened: opened === 1,
    atMs,
    local: false,
  }
}

/** Reads the answer of `reserve`. @throws Refusal `store_unavailable` */
export function reservationOf(answer: readonly number[]): Reservation {
  const [outcome = 2, retryMs = 0, ...statuses] = whole(answer, 10)
  return {
    outcome: reservations[outcome] ?? 'tokens',
    tokens: statusOf(statuses.slice(0, 4)),
    requests: statusOf(statuses.slice(4)),
    retryMs,
    local: false,
  }
}

/** Reads the answers of `admit` and of the `reserve` that follows it. @throws Refusal `store_unavailable` */
export function entranceOf([first, second]: readonly [readonly number[], readonly number[]]): Entrance {
  const admission = admissionOf(first)
  if (admission.outcome !== 'admitted') return { admission, reservation: undefined }
  try {
    return { admission, reservation: reservationOf(second) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { admission, reservation: error }
  }
}

/** Reads the answer of `settle`. @throws Refusal `store_unavailable` */
export function settledOf(answer: readonly number[]): Settled {
  const [opened = 0, repeatedMs = 0] = whole(answer, 2)
  return { opened: opened === 1, repeatedMs }
}

/** Reads the answer of `use`. @throws Refusal `store_unavailable` */
export function useOf(answer: readonly number[]): AccountUse {
  const numbers = whole(answer, 14)
  const at = (index: number) => numbers[index] ?? 0
  const window = (index: number) => ({ used: at(2 * index), resetMs: at(2 * index + 1) })
  return {
    requests: window(0),
    probes: window(1),
    actions: window(2),
    tokensPerMinute: window(3),
    tokensPerDay: window(4),
    pendingTokens: at(10),
    leases: at(11),
    breakerMs: at(12) === 1 ? at(13) : undefined,
  }
}

function statusOf([scope = 0, limit = 0, remaining = 0, resetMs = 0]: readonly number[]):
  | RateLimitStatus
  | undefined {
  const name = scopes[scope - 1]
  return name && { scope: name, limit, remaining, resetMs }
}
