/** Identifies the policy and keys that a process serves by, so that two processes can compare them. */
import type { ConfigFingerprint } from '../workers/supervisor.ts'
import type { Snapshots } from './reload.ts'

/** Combines the version of the policy with the states in which the files of keys were read. */
export function fingerprintOf({ current, taken }: Pick<Snapshots, 'current' | 'taken'>): ConfigFingerprint {
  return JSON.stringify([current.policy.version, taken.keys, taken.revoked, taken.exceptions])
}
