/** What the parts of the admin API need that show rights and the policy to people. */
import { readFileSync } from 'node:fs'
import type { PolicyApiParts } from '../http/admin/policy-api.ts'
import type { RightsApiParts } from '../http/admin/rights-api.ts'
import { replay } from '../pipeline/replay/replay.ts'
import { loadPolicy } from '../policy/load.ts'
import { tryPolicy } from '../policy/try.ts'
import type { Foundation } from './foundation.ts'
import type { Services } from './services.ts'

/** Milliseconds of the one thread that judging a log takes at a time. */
const replaySliceMs = 4
/** Characters of earlier texts: a fraction of what the command line remembers. */
const maxRemembered = 8 * 1024 * 1024

/** Makes what answers who may do what. */
export function rightsParts(
  { policy, snapshots, clock }: Foundation,
  { freezes, models }: Services,
): RightsApiParts {
  return {
    policy,
    keys: () => snapshots.keyFiles.keys,
    obstacles: { freezes, quarantine: (model, kind) => models.quarantine(model, kind, policy()) },
    nowMs: clock.wallMs,
  }
}

/** Makes what shows the policy, and tries others. */
export function policyParts(
  { policy, policyFile: file, variables, snapshots, clock, log }: Foundation,
  { scanningFor }: Services,
): PolicyApiParts {
  return {
    file,
    policy,
    inForce: () => snapshots.policyText,
    warnings: () => snapshots.warnings,
    lastReload: () => ({ at: snapshots.reading.at, ok: snapshots.reading.ok, problems: snapshots.problems }),
    readFile: () => loadPolicy(file, variables),
    textOnDisk() {
      try {
        return readFileSync(file, 'utf8')
      } catch {
        return undefined
      }
    },
    compile: (text) =>
      tryPolicy(text, file, variables, { text: snapshots.policyText.text, policy: policy() }),
    replay: (tried, sinceMs, isOver) =>
      replay({
        ...{ file: policy().audit.file, policy: tried, before: policy(), sinceMs, isOver },
        ...{ scanningFor, log, clock, maxRemembered, sliceMs: replaySliceMs },
      }),
    nowMs: clock.wallMs,
  }
}
