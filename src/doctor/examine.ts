/** Runs all checks over the facts. A new check is a file in `checks/` and a line here. */
import { adminExposed } from './checks/admin-exposed.ts'
import { auditReadable } from './checks/audit-readable.ts'
import { clock } from './checks/clock.ts'
import { disk } from './checks/disk.ts'
import { dockerPorts } from './checks/docker-ports.ts'
import { envFile } from './checks/env-file.ts'
import { filePermissions } from './checks/file-permissions.ts'
import { gatePlain } from './checks/gate-plain.ts'
import { guardsOff } from './checks/guards-off.ts'
import { limits } from './checks/limits.ts'
import { localaiGalleries } from './checks/localai-galleries.ts'
import { localaiKey } from './checks/localai-key.ts'
import { nodeVersion } from './checks/node-version.ts'
import { ollamaCloud } from './checks/ollama-cloud.ts'
import { ollamaOrigins } from './checks/ollama-origins.ts'
import { onlyObserves } from './checks/only-observes.ts'
import { policyWarnings } from './checks/policy-warnings.ts'
import { proxies } from './checks/proxies.ts'
import { redis } from './checks/redis.ts'
import { roles } from './checks/roles.ts'
import { serverListens } from './checks/server-listens.ts'
import { serverReachable } from './checks/server-reachable.ts'
import { serverVersion } from './checks/server-version.ts'
import type { Check, Facts } from './facts.ts'
import { type Finding, isFinding, severities, type Unchecked } from './finding.ts'

/** All checks. */
export const checks: readonly Check[] = [
  serverListens,
  serverReachable,
  ollamaOrigins,
  ollamaCloud,
  localaiKey,
  localaiGalleries,
  serverVersion,
  gatePlain,
  adminExposed,
  dockerPorts,
  filePermissions,
  envFile,
  auditReadable,
  redis,
  clock,
  disk,
  limits,
  nodeVersion,
  proxies,
  roles,
  guardsOff,
  onlyObserves,
  policyWarnings,
]

/** What an examination found. */
export interface Examination {
  /** The worst first. */
  readonly findings: readonly Finding[]
  readonly unchecked: readonly Unchecked[]
}

/** Runs all checks. */
export function examine(facts: Facts): Examination {
  const outcomes = checks.flatMap((check) => check(facts))
  const rank = ({ severity }: Finding) => severities.indexOf(severity)
  return {
    findings: outcomes.filter(isFinding).toSorted((a, b) => rank(a) - rank(b)),
    unchecked: outcomes.filter((outcome) => !isFinding(outcome)),
  }
}
