/** A model server whose version has known vulnerabilities. */
import { type Advisory, advisories, advisoriesDate } from '../advisories.ts'
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'
import { isBefore, versionIn } from '../versions.ts'

const id = 'model-server-version'

/** Whether a vulnerability is in a version. */
export function affects({ since, fixed, until }: Advisory, version: string): boolean {
  if (since !== undefined && isBefore(version, since)) return false
  return fixed === undefined ? until !== undefined && !isBefore(until, version) : isBefore(version, fixed)
}

/** Compares the versions of model servers with the list of advisories. */
export const serverVersion: Check = ({ servers }) =>
  servers.flatMap(({ upstream, version }): Outcome[] => {
    if ('why' in version) return [{ id, why: `${upstream.name}: ${version.why}` }]
    // What was built from source says 0.0.0.
    if (versionIn(version.value) === undefined || /^v?0\.0\.0/.test(version.value))
      return [{ id, why: `${upstream.name} tells no version that could be compared` }]
    return advisories
      .filter((advisory) => advisory.kind === upstream.kind && affects(advisory, version.value))
      .map((advisory) => ({
        id,
        severity: advisory.severity,
        what: `${upstream.name} is version ${version.value}, which has ${advisory.id}.`,
        why: `An attacker who reaches it can ${advisory.effect}. Source: ${advisory.source} (list of ${advisoriesDate}).`,
        fix:
          advisory.fixed === undefined
            ? `No fixed version was known on ${advisoriesDate}; look at the source for a newer one, and let only the gateway reach the server.`
            : `Install version ${advisory.fixed} or later.`,
      }))
  })
