/** Reads what a report is about: keys, log, attestations, the result of attacks. */

import { segmentsOf } from '../audit/write/segments.ts'
import { readKeyFile } from '../auth/api-keys/key-file.ts'
import { attestationsOf } from '../model-trust/attestation/store.ts'
import type { Policy } from '../policy/policy.ts'
import type { AttackRun } from './evidence/attack.ts'
import { searchLog } from './evidence/log.ts'
import type { Findings } from './report.ts'

/** How long the search of a log may take. */
const maxSearchMs = 20_000

/** Reads everything. @param log the audit log, which need not exist @throws what `fs` throws */
export async function collectFindings(
  policy: Policy,
  log: string,
  attack: AttackRun | undefined,
  nowMs: number,
): Promise<Findings> {
  const { lockFile, signingFile } = policy.modelTrust
  return {
    facts: { policy, keys: readKeyFile(policy.keysFile), nowMs },
    log,
    sightings: segmentsOf(log).length === 0 ? undefined : await searchLog(log, maxSearchMs),
    attestations: attestationsOf(lockFile, signingFile).attestations,
    attack,
  }
}
