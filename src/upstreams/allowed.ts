/** What a model's name means to a role: which kinds of server may have it, and what it is called there. */
import { LRUCache } from 'lru-cache'
import type { ServerKind } from '../core/servers.ts'
import { canonicalFor } from '../models/name.ts'
import type { Policy, Role, Upstream } from '../policy/policy.ts'

/** A model that a role may use, and the servers of one kind that may have it under that name. */
export interface Allowed {
  readonly kind: ServerKind
  readonly model: string
  readonly members: readonly Upstream[]
}

/** Names that one role asks for; more, or longer ones, are somebody trying. */
const maxNames = 1024
const maxNameLength = 256

/** Remembers what a name means to a role: taking it apart and comparing it is most of what finding costs. */
export function createAllowed() {
  // A role belongs to one policy, and goes with it.
  const byRole = new WeakMap<Role, LRUCache<string, readonly Allowed[]>>()
  return (asked: string, role: Role, policy: Policy): readonly Allowed[] => {
    const names = byRole.get(role) ?? new LRUCache<string, readonly Allowed[]>({ max: maxNames })
    const before = names.get(asked)
    if (before) return before
    const found = allowedTo(role, policy.aliases.get(asked) ?? asked, policy)
    if (asked.length <= maxNameLength) byRole.set(role, names.set(asked, found))
    return found
  }
}

/** In the policy's order of kinds. */
function allowedTo(role: Role, name: string, { upstreams }: Policy): readonly Allowed[] {
  return [...new Set(upstreams.map(({ kind }) => kind))].flatMap((kind) => {
    const model = canonicalFor(kind, name)
    if (model === undefined || !role.mayUse(model, kind)) return []
    return [{ kind, model, members: upstreams.filter((upstream) => upstream.kind === kind) }]
  })
}
