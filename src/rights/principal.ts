/** The principal whose rights are explained: a key, a token, or a client certificate. */

import { findKey } from '../auth/api-keys/find-key.ts'
import { KeyProblem } from '../auth/api-keys/key-changes.ts'
import { type KeyEntry, readKeyFile } from '../auth/api-keys/key-file.ts'
import { createKeyRing } from '../auth/api-keys/key-ring.ts'
import { keyView } from '../auth/api-keys/key-view.ts'
import { holderOf } from '../auth/identity.ts'
import { certificateSaying, identifyCertificate, type ShownCertificate } from '../auth/mtls/certificate.ts'
import { narrow } from '../auth/tokens/grant.ts'
import { readRevokedTokens, revokedTokensFile } from '../auth/tokens/revoked-tokens.ts'
import { openSigningKeys, signingKeysFile } from '../auth/tokens/signing-keys.ts'
import { createTokenReader, isToken } from '../auth/tokens/token.ts'
import { isTokenId } from '../core/token-id.ts'
import type { Policy, Role } from '../policy/policy.ts'

/** A principal and its rights. */
export interface Principal {
  /** Its identity and status, as the beginning of a sentence. */
  readonly about: string
  readonly isValid: boolean
  /** Undefined: unknown. */
  readonly roleName: string | undefined
  /** The holder of the rights in `role`, for messages. */
  readonly whose: string
  /** Its rights; undefined if the policy has no such role. */
  readonly role: Role | undefined
  /** Id that limits and freezes apply to. */
  readonly holder: string
  readonly networks: readonly string[]
}

/** Identifies a principal. @param given an id, a whole key, or a token @throws KeyProblem */
export async function principalOf(given: string, policy: Policy, nowMs: number): Promise<Principal> {
  const entries = readKeyFile(policy.keysFile)
  if (isToken(given)) return ofToken(given, entries, policy, nowMs)
  if (/^jwt:./.test(given))
    throw new KeyProblem(
      'The role of a JSON Web Token depends on its claims. Run `torwart access` to see the possible roles.',
    )
  const certificate = certificateSaying(given)
  if (certificate) return ofCertificate(given, certificate, policy, nowMs)
  if (isTokenId(given) && !entries.some(({ id }) => id === given))
    throw new KeyProblem(
      `There is no key ${given}. If it is the id of a token, pass the token itself on stdin, with --key -.`,
    )
  return ofKey(findKey(entries, given), policy, nowMs)
}

function ofKey(entry: KeyEntry, { roles }: Policy, nowMs: number): Principal {
  const { id, name, role, purpose, status, expires, networks } = keyView(entry, new Map(), nowMs)
  const isFor = purpose ?? roles.get(role)?.purpose
  return {
    about: `Key ${id} (${name})${isFor === undefined ? '' : `, for ${isFor},`} is ${status}${expires ? `, until ${expires}` : ''}`,
    isValid: status === 'active',
    roleName: role,
    whose: `role \`${role}\``,
    role: roles.get(role),
    holder: id,
    networks,
  }
}

async function ofToken(
  given: string,
  entries: readonly KeyEntry[],
  policy: Policy,
  nowMs: number,
): Promise<Principal> {
  const { keysFile, roles, tokens } = policy
  const token = await createTokenReader(openSigningKeys(() => signingKeysFile(keysFile))).read(given, nowMs)
  const refused = (about: string) => ({
    about,
    isValid: false,
    roleName: undefined,
    whose: '',
    role: undefined,
    holder: '',
    networks: [],
  })
  if (typeof token === 'string') return refused(`This token is ${token}`)
  const { id, key, grants, expiresMs } = token
  const ring = createKeyRing(entries, readRevokedTokens(revokedTokensFile(keysFile)))
  const bearer = grants.length > tokens.depth ? 'revoked' : ring.bearer(token, nowMs, '')
  const entry = entries.find((each) => each.id === key)
  // The client address is unknown here, so networks are reported separately.
  if (!entry || (typeof bearer === 'string' && bearer !== 'elsewhere'))
    return refused(`Token ${id} of key ${key}, or the key itself, is ${String(bearer)}`)
  const role = roles.get(entry.role)
  return {
    about: `Token ${id} of key ${key} (${entry.name}) is active, until ${new Date(expiresMs).toISOString()}`,
    isValid: true,
    roleName: entry.role,
    whose: `this token of role \`${entry.role}\``,
    role: role && narrow(role, grants),
    holder: key,
    networks: entry.networks ?? [],
  }
}

function ofCertificate(given: string, shown: ShownCertificate, policy: Policy, nowMs: number): Principal {
  const found = identifyCertificate(shown, policy.certificates, nowMs)
  const known = typeof found === 'string' ? undefined : found
  return {
    about: `A certificate with ${given} is ${known ? `known as ${known.name}` : 'matched by no rule of the policy'}`,
    isValid: known !== undefined,
    roleName: known?.role,
    whose: `role \`${known?.role}\``,
    role: known && policy.roles.get(known.role),
    holder: known ? holderOf(known) : '',
    networks: [],
  }
}
