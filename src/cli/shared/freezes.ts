/** What `freeze`, `unfreeze` and `freezes` share: where freeze entries are kept, issuing one, and listing them. */

import { keyId } from '../../auth/api-keys/key.ts'
import type { RedisServers } from '../../core/redis-servers.ts'
import { whileLocked } from '../../files/lock.ts'
import { freezesFile, readFreezes, writeFreezes } from '../../kill-switch/file.ts'
import { isHeld, merged } from '../../kill-switch/freeze-entries.ts'
import {
  type FreezeEntry,
  type FreezeRequest,
  faultOf,
  freezeEntryOf,
  frozenKinds,
  isFrozenKind,
  subjectOf,
} from '../../kill-switch/freeze-entry.ts'
import { shareFreezes } from '../../kill-switch/shared.ts'
import { parsePattern } from '../../models/name.ts'
import { loadPolicy } from '../../policy/load.ts'
import { locateAudit } from '../../policy/locate.ts'
import type { Policy } from '../../policy/policy.ts'
import { PolicyError } from '../../policy/problem.ts'
import { createRedisClient } from '../../redis/client.ts'
import { matching, type Reach, reachInWords, reachOf } from '../../server/freeze-reach.ts'
import { authorOf, type ExitCode, type Io, textOf, UsageError, type Values } from '../command.ts'
import { awaitReload, runningGateway } from './await-reload.ts'
import { readKeys, requireRole } from './keys.ts'
import { retry } from './retry.ts'

const redisMs = 1500
const answerMs = 1000

/** Where freeze entries are kept. */
interface FreezeStore {
  readonly file: string
  readonly redis: RedisServers | undefined
  /** Undefined: it has errors. */
  readonly policy: Policy | undefined
}

/** Finds the store. If the policy has errors, finds the file at least: an emergency stop must not wait for them. */
function locateStore(values: Values, io: Io): FreezeStore {
  const policyFile = textOf(values, 'config')
  try {
    const { policy } = loadPolicy(policyFile, io.variables)
    return { file: freezesFile(policy.audit.file), redis: policy.store.redis, policy }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const file = freezesFile(locateAudit(policyFile, io.variables))
    io.err(
      'The policy has errors (run `torwart check`). Only gateways that use its audit folder are reached.\n',
    )
    return { file, redis: undefined, policy: undefined }
  }
}

/** What the options of `freeze` and `unfreeze` say. */
export interface FreezeOptions {
  readonly frozen: boolean
  readonly why: string
  /** Milliseconds after which the freeze ends; undefined: never. */
  readonly forMs: number | undefined
  /** Whether to freeze what does not exist yet. */
  readonly ahead: boolean
}

/**
 * Issues a freeze or lifts one: first in the file beside this gateway's log, which it obeys at once, then in Redis for all
 * others. Waits until the gateway that runs here has applied it.
 * @returns 1 if there is nothing of that name, or not every gateway was reached
 * @throws UsageError
 */
export async function issueFreeze(
  values: Values,
  io: Io,
  words: readonly string[],
  options: FreezeOptions,
): Promise<ExitCode> {
  const request = requestIn(values, io, words, options)
  const { file, redis, policy } = locateStore(values, io)
  if (request.kind === 'key' && request.frozen) requireNoName(request.name, values, io)
  if (policy) requireKnown(request, policy)
  if (!request.frozen && policy && (await isNothingFrozen(request, file, redis))) {
    io.out(
      'Nothing with this name is frozen, so nothing was changed. Run `torwart freezes` to see what is.\n',
    )
    return 0
  }
  const reach = request.frozen && policy ? reachIn(request, policy, values, io) : undefined
  if (reach && !reach.matched && !options.ahead) {
    io.err(nothingToFreeze(request, values, io))
    return 1
  }
  const write = (known: readonly FreezeEntry[]) => writeEntry(file, request, known)
  const entry = await write([])
  const isShared = policy !== undefined && (redis === undefined || (await share(redis, entry, write)))
  const taken = await awaitReload(values, io, 'freezes', file)
  io.out(`${freezeInWords(entry)}\n`)
  if (reach) io.out(`Currently affects ${reachInWords(reach)}.\n`)
  if (reach?.models === null) io.err('The models of the servers are not known here.\n')
  if (taken === 'no gateway')
    io.err('No gateway is running with this policy. The change applies when one starts.\n')
  if (policy && !isShared)
    io.err(
      'Redis does not answer. Only gateways that use this audit folder are reached; they pass the change on when Redis is back. Until then, tell each of the others (POST /admin/v1/freezes).\n',
    )
  return isShared && taken !== 'late' ? 0 : 1
}

/** @throws UsageError */
function requestIn(
  values: Values,
  io: Io,
  [kind = '', given = '']: readonly string[],
  { frozen, why, forMs }: FreezeOptions,
): FreezeRequest {
  if (!isFrozenKind(kind)) throw new UsageError(`Say what to freeze: ${frozenKinds.join(', ')}.`)
  // If a whole key is given, only its id is used, so that the key is stored and shown nowhere.
  const name = kind === 'key' ? (keyId(given) ?? given) : given
  const request = { kind, name, frozen, why, by: authorOf(values, io), forMs }
  const fault = faultOf(request)
  if (fault !== undefined) throw new UsageError(fault)
  return request
}

function writeEntry(
  file: string,
  request: FreezeRequest,
  known: readonly FreezeEntry[],
): Promise<FreezeEntry> {
  return whileLocked(file, () => {
    const now = Date.now()
    const before = merged(readFreezes(file), known, now)
    const entry = freezeEntryOf(request, before.get(subjectOf(request)), now)
    writeFreezes(file, merged(before, [entry], now))
    return entry
  })
}

/** Shares an entry through Redis. @returns whether Redis accepted it */
async function share(
  redis: RedisServers,
  entry: FreezeEntry,
  write: (known: readonly FreezeEntry[]) => Promise<FreezeEntry>,
): Promise<boolean> {
  const client = createRedisClient(redis, answerMs)
  const shared = shareFreezes(client)
  try {
    const known = await retry(() => shared.read(), redisMs)
    if (!known) return false
    // A gateway whose clock is ahead may have recorded the opposite with a later time.
    const isOlder = known.some((each) => subjectOf(each) === subjectOf(entry) && each.at >= entry.at)
    const latest = isOlder ? await write(known) : entry
    const written = await retry(async () => {
      await shared.write([latest])
      return true
    }, redisMs)
    return written ?? false
  } finally {
    await client.close()
  }
}

/** Whether there is nothing to lift, anywhere. False if Redis does not answer, because other gateways may have a freeze. */
async function isNothingFrozen(
  request: FreezeRequest,
  file: string,
  redis: RedisServers | undefined,
): Promise<boolean> {
  const isFrozen = (known: readonly FreezeEntry[]) => {
    const now = Date.now()
    return isHeld(merged(readFreezes(file), known, now), request, now)
  }
  if (isFrozen([])) return false
  const known = redis ? await readShared(redis) : []
  return known !== undefined && !isFrozen(known)
}

/** @returns undefined if Redis does not answer */
async function readShared(redis: RedisServers): Promise<readonly FreezeEntry[] | undefined> {
  const client = createRedisClient(redis, answerMs)
  const shared = shareFreezes(client)
  try {
    return await retry(() => shared.read(), redisMs)
  } finally {
    await client.close()
  }
}

/** Refuses the name of a key, because several keys may have it. @throws UsageError */
function requireNoName(given: string, values: Values, io: Io): void {
  const named = readKeys(values, io).filter(({ id, name }) => name === given && id !== given)
  const ids = named.map(({ id }) => id).join(' or ')
  if (named.length > 0)
    throw new UsageError(`${given} is the name of a key. Freeze the key by its id: ${ids}.`)
}

/** @throws UsageError */
function requireKnown({ kind, name, frozen }: FreezeRequest, { roles, aliases }: Policy): void {
  if (!frozen) return
  if (kind === 'role') requireRole(roles, name)
  const target = kind === 'model' ? aliases.get(name) : undefined
  if (target !== undefined) throw new UsageError(`${name} is an alias of ${target}. Freeze that model.`)
}

/** @returns undefined if it cannot be determined, which must not prevent an emergency stop */
function reachIn(request: FreezeRequest, policy: Policy, values: Values, io: Io): Reach | undefined {
  try {
    return reachOf(
      request,
      policy,
      readKeys(values, io),
      runningGateway(values, io)?.models ?? null,
      Date.now(),
    )
  } catch (error) {
    if (error instanceof UsageError) throw error
    return undefined
  }
}

function nothingToFreeze({ kind, name }: FreezeRequest, values: Values, io: Io): string {
  const models = runningGateway(values, io)?.models
  const wider = `${name}:*`
  const near = kind === 'model' && models && parsePattern(wider) ? matching(wider, models) : []
  const candidates = near.map(([model]) => model).slice(0, 5)
  const hint =
    near.length === 0
      ? ''
      : ` Did you mean ${candidates.join(', ')}? Run \`torwart freeze model '${wider}'\`.`
  return `Nothing was frozen, because there is no ${kind} ${name}.${hint} Use --ahead to freeze it before it exists.\n`
}

/** Lists all entries that are known, whether in force or not. */
export async function listFreezes(values: Values, io: Io): Promise<readonly FreezeEntry[]> {
  const { file, redis } = locateStore(values, io)
  const known = redis ? await readShared(redis) : []
  if (known === undefined)
    io.err('Redis does not answer. This list is from the audit folder of this gateway only.\n')
  return [...merged(readFreezes(file), known ?? [], Date.now()).values()]
}

/** Describes a freeze in one line. */
export function freezeInWords({ kind, name, frozen, why, by, at, until }: FreezeEntry): string {
  const subject = kind === 'all' ? 'everything' : `${kind} ${name}`
  const end = until === null ? '' : ` until ${new Date(until).toISOString()}`
  return `${subject} is ${frozen ? 'frozen' : 'no longer frozen'}${end}: ${why} (${by}, ${new Date(at).toISOString()})`
}
