/**
 * State that all processes of a gateway share. The primary keeps it and its workers ask the primary; a process that serves
 * alone keeps it itself. With Redis, limits, approvals and tool calls are in Redis, and each worker asks Redis.
 */
import { approvalsFile, createMemoryApprovals } from '../approvals/memory.ts'
import { createRedisApprovals } from '../approvals/redis.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import { createSwitchedApprovals } from '../approvals/switched.ts'
import { describeError } from '../core/refusal.ts'
import { createFailureCounter } from '../http/data/failed-logins.ts'
import { createMemoryStore } from '../limits/memory/memory.ts'
import { budgetsFile, MonthCounts } from '../limits/memory/month-counts.ts'
import type { Store } from '../limits/store.ts'
import { createSwitchedStore } from '../limits/switched.ts'
import { createStoredResponses, type StoredAt, type StoredResponses } from '../pipeline/stored-responses.ts'
import { createSharedCalls, maxEach } from '../tool-policy/calls/registry.ts'
import { type SharedToolCalls, shareToolCalls } from '../tool-policy/calls/shared.ts'
import {
  createRemoteApprovals,
  createRemoteToolCalls,
  serveApprovals,
  serveToolCalls,
} from '../workers/approvals.ts'
import type { Channel, Handlers } from '../workers/channel.ts'
import { createRemoteStore } from '../workers/limits.ts'
import {
  type CountFailure,
  createRemoteFailures,
  createRemoteResponses,
  serveFailures,
  serveResponses,
} from '../workers/shared.ts'
import type { Foundation } from './foundation.ts'
import { type Succession, successionOf } from './succession.ts'

/** State that all processes of a gateway share. */
export interface SharedState {
  /** Counts without Redis, and while that is away. */
  readonly limits: Store
  readonly approvals: ApprovalStore
  /** Undefined: no other process lets calls through. */
  readonly calls: SharedToolCalls | undefined
  readonly failures: CountFailure
  readonly responses: StoredResponses
  /** Undefined in a worker: its primary keeps the state. */
  readonly succession: Succession | undefined
}

/** @throws TypeError if the file of approvals is not what it should be */
export async function openSharedState(foundation: Foundation): Promise<SharedState> {
  const { part, redis } = foundation
  const inRedis = redis && { approvals: createRedisApprovals(redis), calls: shareToolCalls(redis, maxEach) }
  return part.kind === 'worker' ? askedFrom(part.channel, inRedis) : keptHere(foundation, inRedis)
}

type InRedis = Pick<SharedState, 'approvals' | 'calls'> | undefined

function askedFrom(channel: Channel, inRedis: InRedis): SharedState {
  return {
    limits: createRemoteStore(channel),
    ...(inRedis ?? {
      approvals: createRemoteApprovals(channel),
      calls: createRemoteToolCalls(channel),
    }),
    failures: createRemoteFailures(channel),
    responses: createRemoteResponses<StoredAt>(channel),
    succession: undefined,
  }
}

async function keptHere(
  { part, atStart, policy, clock, log }: Foundation,
  inRedis: InRedis,
): Promise<SharedState> {
  const { file } = atStart.audit
  const memory = createMemoryStore(
    clock,
    new MonthCounts(clock, {
      path: budgetsFile(file),
      report: (problem, error) => log.error({ cause: describeError(error) }, problem),
    }),
  )
  const inFile = createMemoryApprovals(approvalsFile(file), clock)
  const kept = { memory, inFile: inRedis ? undefined : inFile, responses: createStoredResponses() }
  const limits = createSwitchedStore(memory)
  const approvals = createSwitchedApprovals(inRedis?.approvals ?? inFile)
  return {
    limits,
    approvals,
    calls: inRedis ? inRedis.calls : part.kind === 'primary' ? createSharedCalls() : undefined,
    failures: await createFailureCounter(() => policy().door.failuresPerMinute),
    responses: kept.responses,
    succession: successionOf(kept, { limits, approvals }),
  }
}

/** What a primary answers its workers; limits have handlers for each worker (`serveLimits`). */
export function serveSharedState({ approvals, calls, failures, responses }: SharedState): Handlers {
  return {
    ...serveApprovals(approvals),
    ...(calls ? serveToolCalls(calls) : {}),
    ...serveFailures(failures),
    ...serveResponses(responses),
  }
}
