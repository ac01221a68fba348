/** Where attacks are played. */
import type { AttackClient } from './client.ts'
import type { ObservedServers } from './observed-server.ts'

/** Where attacks are played. */
export interface Stage {
  /** `copy`: a private copy of the gateway; `direct`: the model server without one; `live`: a gateway with real servers. */
  readonly kind: 'copy' | 'direct' | 'live'
  /** Base URL of what is attacked, without a slash at its end. */
  readonly gate: string
  readonly admin: { readonly url: string; readonly token: string } | undefined
  /** Absent: the model servers are real. */
  readonly servers: ObservedServers | undefined
  readonly client: AttackClient
  /** What the audit log says was done in the last request, such as `secrets`. */
  lastAction(): string | undefined
}
