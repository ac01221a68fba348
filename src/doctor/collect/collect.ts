/** Reads all facts about a deployment. Bounded: every question at once, a second or two each. */
import { resolve } from 'node:path'
import type { Policy } from '../../policy/policy.ts'
import type { Problem } from '../../policy/problem.ts'
import type { Facts } from '../facts.ts'
import { readAuditFiles, readEnvFiles, readSecretFiles } from './files.ts'
import { readServer } from './model-server.ts'
import { readListeners } from './proc.ts'
import { readClock, readPublished } from './programs.ts'
import { readRedis } from './redis.ts'
import { isInContainer, memoryFor, readDisk, readOpenFiles } from './system.ts'

/** What the command knows besides the policy. */
export interface Deployment {
  readonly policyFile: string
  readonly policy: Policy
  readonly warnings: readonly Problem[]
  readonly nowMs: number
  /** Such as `24.1.0`; undefined: unknown. */
  readonly nodeVersion: string | undefined
  /** Memory limit of the container in bytes, if it has one. */
  readonly constrainedMemory: number | undefined
}

/** Reads the facts. */
export async function collectFacts(deployment: Deployment): Promise<Facts> {
  const { policy, warnings, nowMs, nodeVersion, constrainedMemory } = deployment
  const policyFile = resolve(deployment.policyFile)
  const listeners = readListeners()
  const [servers, redis, clock, published] = await Promise.all([
    Promise.all(policy.upstreams.map((upstream) => readServer(upstream, listeners))),
    policy.store.redis && readRedis(policy.store.redis),
    readClock(),
    readPublished(),
  ])
  return {
    nowMs,
    policyFile,
    policy,
    warnings,
    inContainer: isInContainer(),
    listeners,
    servers,
    secretFiles: readSecretFiles(policyFile, policy),
    auditFiles: readAuditFiles(policy),
    envFiles: readEnvFiles(policyFile),
    redis,
    clock,
    disk: readDisk(policy.audit.file),
    openFiles: readOpenFiles(policy.listen.port, listeners),
    memoryBytes: memoryFor(constrainedMemory),
    nodeVersion:
      nodeVersion === undefined ? { why: 'the version of Node is unknown' } : { value: nodeVersion },
    published,
  }
}
