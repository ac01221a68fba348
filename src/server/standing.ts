/** By which policy and keys a process serves, as a text that two processes can compare. */
import type { Standing } from '../workers/supervisor.ts'
import type { Snapshots } from './reload.ts'

/** Names the policy, and the states in which the files of keys were read. */
export function standingOf({ current, taken }: Pick<Snapshots, 'current' | 'taken'>): Standing {
  return JSON.stringify([current.policy.version, taken.keys, taken.revoked, taken.exceptions])
}
