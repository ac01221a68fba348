/**
 * State that all processes of a gateway share. The primary keeps it and its workers ask the primary; a process that serves
 * alone keeps it itself. With Redis, limits, approvals and tool calls are in Redis, and each worker asks Redis.
 */
import { approvalsFile, createMemoryApprovals, type FileApprovals } from '../approvals/memory.ts'
import { createRedisApprovals } from '../approvals/redis.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import { createSwitchedApprovals, type SwitchedApprovals } from '../approvals/switched.ts'
import { describeError } from '../core/refusal.ts'
import { createFailureCounter } from '../http/data/failed-logins.ts'
import { createMemoryStore, type SavableStore, type SavedLimits } from '../limits/memory/memory.ts'
import { budgetsFile, MonthCounts } from '../limits/memory/month-counts.ts'
import type { Store } from '../limits/store.ts'
import { createSwitchedStore, type SwitchedStore } from '../limits/switched.ts'
import {
  createStoredResponses,
  type SavableResponses,
  type SavedResponses,
  type StoredAt,
  type StoredResponses,
} from '../pipeline/stored-responses.ts'
import { createSharedCalls, maxEach } from '../tool-policy/calls/registry.ts'
import { type SharedToolCalls, shareToolCalls } from '../tool-policy/calls/shared.ts'
import {
  createRemoteApprovals,
  createRemoteToolCalls,
  serveApprovals,
  serveToolCalls,
} from '../workers/approvals.ts'
import type { Channel, Handlers } from '../workers/channel.ts'
import { createRemoteStore, serveLimits } from '../workers/limits.ts'
import {
  type CountFailure,
  createRemoteFailures,
  createRemoteResponses,
  serveFailures,
  serveResponses,
} from '../workers/shared.ts'
import type { Foundation } from './foundation.ts'

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

/** What a gateway knows that the next one must not begin anew with. JSON. */
export interface SavedState {
  readonly limits: SavedLimits
  readonly responses: SavedResponses
}

/** How the state goes from a gateway to the one that takes over from it. */
export interface Succession {
  /**
   * Leaves the state to the next gateway: what this one asks and counts from now on, it does there.
   * @returns what is known until now, and in no file
   */
  leaveTo(channel: Channel): SavedState
  /** Keeps the state here again: the next gateway is gone. */
  takeBack(): void
  restore(saved: SavedState): void
  /**
   * Answers the gateway before, which finishes its requests.
   * @param restored resolves when what it has saved counts here
   * @returns what ends that
   */
  serve(channel: Channel, restored: Promise<void>): () => void
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

interface Kept {
  readonly memory: SavableStore
  /** Undefined: approvals are in Redis. */
  readonly inFile: FileApprovals | undefined
  readonly responses: SavableResponses
}

interface Switched {
  readonly limits: SwitchedStore
  readonly approvals: SwitchedApprovals
}

function successionOf({ memory, inFile, responses }: Kept, { limits, approvals }: Switched): Succession {
  return {
    leaveTo(channel) {
      // In one turn of the event loop: nothing comes between what is saved and what is asked elsewhere.
      const saved = { limits: memory.save(), responses: responses.save() }
      limits.switchTo(createRemoteStore(channel))
      if (inFile) approvals.switchTo(createRemoteApprovals(channel))
      void memory.leaveFile()
      return saved
    },
    takeBack() {
      memory.takeFileBack()
      limits.switchTo(memory)
      if (!inFile) return
      inFile.readAgain()
      approvals.switchTo(inFile)
    },
    restore(saved) {
      memory.restore(saved.limits)
      responses.restore(saved.responses)
      inFile?.readAgain()
    },
    serve(channel, restored) {
      // What the gateway before has settled has been heard: it is one process, and messages keep their order.
      const { handlers, release } = serveLimits(limits, async () => {})
      channel.answer(after(restored, { ...handlers, ...serveApprovals(approvals) }))
      approvals.onNews(() => channel.tell('approvals.news', []))
      return release
    },
  }
}

/** Has questions wait. */
function after(ready: Promise<void>, handlers: Handlers): Handlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async (...values: never[]) => {
        await ready
        return handler(...values)
      },
    ]),
  )
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
