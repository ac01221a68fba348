/** Who asks in a policy test. */
import { findKey } from '../../auth/api-keys/find-key.ts'
import { KeyProblem } from '../../auth/api-keys/key-changes.ts'
import { type KeyEntry, keyStatus } from '../../auth/api-keys/key-file.ts'
import type { Identity } from '../../auth/identity.ts'
import { certificateSaying, identifyCertificate } from '../../auth/mtls/certificate.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Policy } from '../../policy/policy.ts'
import { didYouMean } from '../../policy/problem.ts'
import type { PolicyTest } from '../../policy/tests/schema.ts'

/** A name in a test that is nobody's. */
export class UnknownName extends Error {
  /** Key of the test that has the name. */
  readonly key: string

  constructor(key: string, message: string) {
    super(message)
    this.key = key
  }
}

/** What callers are found by. */
export interface Callers {
  readonly policy: Policy
  readonly keys: readonly KeyEntry[]
  /** Epoch milliseconds. */
  readonly nowMs: number
}

/** Finds the caller of a test. @throws UnknownName; Refusal `invalid_credentials` for one whose credential is not valid */
export function callerOf(as: PolicyTest['as'], callers: Callers): Identity {
  const { role, key, certificate } = as
  if (key !== undefined) return holderOfKey(key, callers)
  if (certificate !== undefined) return holderOfCertificate(certificate, callers)
  return { kind: 'key', id: 'tested', name: 'a test', role: roleOf(role, callers.policy) }
}

/** A person alone is one behind a key of the only role that has persons. */
function roleOf(role: string | undefined, { roles }: Policy): string {
  if (role !== undefined) {
    if (roles.has(role)) return role
    throw new UnknownName(
      'role',
      `\`${role}\` is not a role of the policy${didYouMean(role, [...roles.keys()])}`,
    )
  }
  const [only, another] = [...roles.values()].filter(({ person }) => person !== undefined)
  if (only && !another) return only.name
  const how = only ? 'several roles of the policy have `person`' : 'no role of the policy has `person`'
  throw new UnknownName('person', `${how}: name also \`role\` or \`key\``)
}

function holderOfKey(given: string, { keys, nowMs }: Callers): Identity {
  const named = keys.filter(({ name }) => name === given)
  const [only] = named
  const entry = only && named.length === 1 ? only : keyById(given, keys)
  const status = keyStatus(entry, nowMs)
  if (status !== 'active') throw new Refusal('invalid_credentials', { detail: `the key is ${status}` })
  return { kind: 'key', id: entry.id, name: entry.name, role: entry.role }
}

/** @throws UnknownName */
function keyById(given: string, keys: readonly KeyEntry[]): KeyEntry {
  try {
    return findKey(keys, given)
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error
    const near = didYouMean(
      given,
      keys.map(({ name }) => name),
    )
    throw new UnknownName(
      'key',
      `\`${given}\`: ${near === '' ? error.message : `there is no such key${near}`}`,
    )
  }
}

function holderOfCertificate(given: string, { policy, nowMs }: Callers): Identity {
  const shown = certificateSaying(given)
  const found = shown ? identifyCertificate(shown, policy.certificates, nowMs) : 'certificate unknown'
  if (typeof found === 'string') throw new Refusal('invalid_credentials', { detail: found })
  return found
}
