/**
 * What one signs in to the console with: the admin token, an API key that the policy names in `approval.approvers` or
 * `admin.viewers`, or a one-time link. Each is asked again at every request: a key that was revoked, disabled, rotated or
 * frozen meanwhile, or that the policy names no more, is good for nothing.
 */
import { hashKey } from '../../../auth/api-keys/key.ts'
import type { Identity } from '../../../auth/identity.ts'
import type { KillSwitch } from '../../../kill-switch/kill-switch.ts'
import type { Snapshot } from '../../../pipeline/context.ts'
import type { Policy } from '../../../policy/policy.ts'
import { isSame } from '../admin-auth.ts'
import { adminTokenHolder } from '../admin-replies.ts'
import { authorOfKey, type SessionRight } from '../signed-in.ts'
import type { Opening } from './sessions.ts'
import type { SignInLinks } from './sign-in-links.ts'

/** What credentials are judged by. */
export interface CredentialParts {
  /** The token in force. */
  token(): string | undefined
  /** Reads changed files now, so that a key that was revoked a moment ago is good for nothing. */
  reloadFiles(): void
  current(): Snapshot
  readonly freezes: Pick<KillSwitch, 'list'>
  readonly links: SignInLinks
  /** Epoch milliseconds. */
  nowMs(): number
}

/** What somebody signs in with; one of them. */
export interface ShownCredential {
  readonly token?: string | undefined
  readonly key?: string | undefined
  readonly link?: string | undefined
}

/** Judges credentials. */
export interface Credentials {
  /** @param peer where it comes from @returns undefined if it is good for nothing */
  judge(shown: ShownCredential, peer: string): Opening | undefined
}

/** Of an administrator. Where the policy names approvers, only they decide about calls, each with a key of their own. */
function rightsOfAdmin({ approval }: Policy): ReadonlySet<SessionRight> {
  return new Set(approval.approvers.size > 0 ? ['read', 'admin'] : ['read', 'approve', 'admin'])
}

/** Makes what judges credentials. */
export function createCredentials(parts: CredentialParts): Credentials {
  const { token: inForce, reloadFiles, links, current } = parts
  const tokenCredential = (shown: string): Opening => ({
    owner: 'token',
    principal() {
      const token = inForce()
      if (token === undefined || !isSame(shown, token)) return undefined
      return { who: adminTokenHolder, rights: rightsOfAdmin(current().policy), identity: undefined }
    },
  })
  const linkCredential: Opening = {
    owner: 'link',
    principal: () => ({
      ...{ who: 'holder of a sign-in link', identity: undefined },
      rights: rightsOfAdmin(current().policy),
    }),
  }
  return {
    judge({ token, key, link }, peer) {
      reloadFiles()
      const credential =
        token !== undefined
          ? tokenCredential(token)
          : key !== undefined
            ? keyCredential(key, peer, parts)
            : link !== undefined && links.use(link)
              ? linkCredential
              : undefined
      return credential?.principal(peer) ? credential : undefined
    },
  }
}

function keyCredential(key: string, peer: string, parts: CredentialParts): Opening | undefined {
  const { current, nowMs, freezes } = parts
  const identity = current().keys.identify(key, nowMs(), peer)
  if (typeof identity === 'string') return undefined
  const { id } = identity
  const known = { id, hash: hashKey(key) }
  return {
    owner: `key ${id}`,
    principal(from) {
      const { keys, policy } = current()
      const now = keys.recognise(known, nowMs(), from)
      if (typeof now === 'string' || isFrozen(now, freezes)) return undefined
      const rights = rightsOf(now, policy)
      return rights.size === 0 ? undefined : { who: authorOfKey(now), rights, identity: now }
    },
  }
}

function rightsOf({ name, role }: Identity, { approval, admin }: Policy): ReadonlySet<SessionRight> {
  const isIn = (names: ReadonlySet<string>) => names.has(name) || names.has(role)
  const rights = new Set<SessionRight>()
  if (isIn(admin.viewers)) rights.add('read')
  if (isIn(approval.approvers)) rights.add('approve')
  return rights
}

/** Where everything is frozen, people must still be able to look. */
function isFrozen({ id, role }: Identity, freezes: Pick<KillSwitch, 'list'>): boolean {
  return freezes
    .list()
    .some(({ kind, name }) => (kind === 'key' && name === id) || (kind === 'role' && name === role))
}
