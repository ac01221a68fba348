/** The answer to one question about the rights of a caller: what `torwart explain` and the admin API tell. */
import type { Policy } from '../policy/policy.ts'
import { explain, limitsInWords, type Obstacles, type Question, type Reason } from './explain.ts'
import { principalOf } from './principal.ts'

/** Who wants to do what; what is undefined is not asked. */
export interface RightsQuestion extends Omit<Question, 'whose'> {
  /** An id, a whole key, a token, or a certificate such as `dns:build.example.org`. */
  readonly key: string
}

/** Whether it is allowed, and why. */
export interface Explanation {
  readonly allowed: boolean
  readonly reasons: readonly Reason[]
  readonly limits: readonly string[]
  /** The only networks that the caller may come from; empty: any. */
  readonly networks: readonly string[]
}

/** Answers a question. @param nowMs epoch milliseconds @throws KeyProblem if there is no such caller */
export async function explanationOf(
  { key, ...asked }: RightsQuestion,
  policy: Policy,
  obstacles: Obstacles,
  nowMs: number,
): Promise<Explanation> {
  const {
    about,
    isValid: isActive,
    role,
    roleName,
    whose,
    holder,
    networks,
  } = await principalOf(key, policy, nowMs)
  const isValid = isActive && role !== undefined
  const ofRole =
    roleName === undefined ? '' : `; its role \`${roleName}\` ${role ? 'is in the policy' : 'does not exist'}`
  const first = {
    allowed: isValid,
    words: `${about}${ofRole}${isValid ? '' : ': refused with 401 invalid_credentials'}.`,
  }
  const reasons = [first, ...(isValid ? explain(role, holder, { whose, ...asked }, policy, obstacles) : [])]
  return {
    allowed: reasons.every(({ allowed }) => allowed),
    reasons,
    limits: role ? limitsInWords(role.limits) : [],
    networks,
  }
}
