/** What a freeze holds for now: a name that is mistyped, or narrower than meant, shows before anybody relies on it. */

import { type KeyEntry, keyStatus } from '../auth/api-keys/key-file.ts'
import { jwtPrefix } from '../auth/jwt/jwt.ts'
import { identifyCertificate } from '../auth/mtls/certificate.ts'
import type { ServerKind } from '../core/servers.ts'
import { isTokenId } from '../core/token-id.ts'
import type { FreezeEntry } from '../kill-switch/freeze-entry.ts'
import { coversModels, modelMatcher } from '../models/match.ts'
import type { Policy, Role } from '../policy/policy.ts'

/** How much a freeze holds. */
export interface Reach {
  /** Active keys, or callers that come without one. */
  readonly keys: number
  readonly roles: number
  /** Null: it is not known which models the servers have. */
  readonly models: number | null
  /** False: nothing of that name is known, and it could be. */
  readonly matched: boolean
}

/** Names of models by the kind of their server; null: that is not known. */
export type ListedModels = Readonly<Record<string, readonly string[]>> | null

/**
 * Counts what a freeze holds now.
 * @param listed the models that servers have; null: that is not known
 */
export function reachOf(
  { kind, name }: Pick<FreezeEntry, 'kind' | 'name'>,
  policy: Policy,
  entries: readonly KeyEntry[],
  listed: ListedModels,
  nowMs: number,
): Reach {
  const active = entries.filter((entry) => keyStatus(entry, nowMs) === 'active')
  const keysOf = (roles: readonly Role[]) =>
    active.filter(({ role }) => roles.some((each) => each.name === role)).length
  if (kind === 'all') {
    const models = listed && Object.values(listed).flat().length
    return { keys: active.length, roles: policy.roles.size, models, matched: true }
  }
  if (kind === 'role') {
    const role = policy.roles.get(name)
    return { keys: role ? keysOf([role]) : 0, roles: role ? 1 : 0, models: 0, matched: role !== undefined }
  }
  if (kind === 'person') {
    const roles = [...policy.roles.values()].filter(({ person }) => person !== undefined)
    return { keys: keysOf(roles), roles: roles.length, models: 0, matched: roles.length > 0 }
  }
  if (kind === 'key') {
    const isKnown = name.includes(':')
      ? mayComeAs(name, policy, nowMs)
      : // Which tokens there are stands nowhere.
        entries.some(({ id }) => id === name) || isTokenId(name)
    return { keys: isKnown ? 1 : 0, roles: 0, models: 0, matched: isKnown }
  }
  const models = listed && matching(name, listed)
  const roles = [...policy.roles.values()].filter((role) =>
    models ? models.some(([model, server]) => role.mayUse(model, server)) : overlaps(role, name),
  )
  const matched = models ? models.length > 0 : roles.length > 0
  return { keys: keysOf(roles), roles: roles.length, models: models ? models.length : null, matched }
}

type Named = readonly [model: string, server: ServerKind]

/** Models that a name or pattern stands for. */
export function matching(pattern: string, listed: Readonly<Record<string, readonly string[]>>): Named[] {
  const matches = modelMatcher([pattern])
  return Object.entries(listed).flatMap(([kind, models]) => {
    const server = kind as ServerKind
    return models.filter((model) => matches(model, server)).map((model): Named => [model, server])
  })
}

function overlaps(role: Role, pattern: string): boolean {
  return coversModels(role.models, pattern) || role.models.some((model) => coversModels([pattern], model))
}

/** Whether a caller could have this id: one that a certificate or another's token gives. */
function mayComeAs(id: string, { certificates, jwt }: Policy, nowMs: number): boolean {
  const [, kind, name = ''] = /^(\w+):(.+)$/.exec(id) ?? []
  if (kind === 'jwt') return jwt.some(({ issuer }) => id.startsWith(`${jwtPrefix(issuer)}:`))
  if (kind === 'sha256') return certificates.length > 0
  const shown = {
    fault: undefined,
    cn: kind === 'cn' ? name : undefined,
    dns: kind === 'dns' ? [name] : [],
    uris: kind === 'uri' ? [name] : [],
    fingerprint: '',
    expiresMs: Number.POSITIVE_INFINITY,
  }
  return typeof identifyCertificate(shown, certificates, nowMs) !== 'string' || name.startsWith('~')
}

/** `2 models, 1 role, 3 keys` */
export function reachInWords({ keys, roles, models }: Reach): string {
  const counted = (count: number | null, what: string) =>
    count ? [`${count} ${what}${count === 1 ? '' : 's'}`] : []
  const parts = [...counted(models, 'model'), ...counted(roles, 'role'), ...counted(keys, 'key')]
  return parts.join(', ') || 'nothing'
}
