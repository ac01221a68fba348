/** What `freeze`, `unfreeze` and `freezes` share: where orders are, and giving one. */

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
import { type ExitCode, type Io, textOf, UsageError, type Values } from '../command.ts'
import { gateOf, untilTaken } from './await-reload.ts'
import { readKeys, requireRole } from './keys.ts'

const redisMs = 1500
const answerMs = 1000
const retryMs = 50

interface Place {
  readonly file: string
  readonly redis: RedisServers | undefined
  /** Undefined: it has mistakes. */
  readonly policy: Policy | undefined
}

/** A policy with mistakes must not keep anybody from pulling the brake: then at least the file is found. */
function placeOf(values: Values, io: Io): Place {
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

export interface Wanted {
  readonly frozen: boolean
  readonly why: string
  readonly forMs: number | undefined
  /** Also what is not there yet. */
  readonly ahead: boolean
}

/**
 * First into the file beside this gateway's log, which it obeys at once; then to everybody, through Redis.
 * Returns when the gate that runs here obeys.
 * @returns 1 if nothing of that name is there, or not everybody could be told. @throws UsageError
 */
export async function give(
  values: Values,
  io: Io,
  [kind = '', given = '']: readonly string[],
  { frozen, why, forMs, ahead }: Wanted,
): Promise<ExitCode> {
  if (!isFrozenKind(kind)) throw new UsageError(`Say what to freeze: ${frozenKinds.join(', ')}.`)
  // A whole key is taken for its id, and repeated nowhere.
  const name = kind === 'key' ? (keyId(given) ?? given) : given
  const wish = { kind, name, frozen, why, by: textOf(values, 'by') || io.user, forMs }
  const fault = faultOf(wish)
  if (fault !== undefined) throw new UsageError(fault)
  const { file, redis, policy } = placeOf(values, io)
  if (kind === 'key' && frozen) requireNoName(name, values, io)
  if (policy) requireKnown(wish, policy)
  if (!frozen && policy && (await isNothing(wish, file, redis))) {
    io.out(
      'Nothing with this name is frozen, so nothing was changed. Run `torwart freezes` to see what is.\n',
    )
    return 0
  }
  const write = (known: readonly FreezeEntry[]) =>
    whileLocked(file, () => {
      const now = Date.now()
      const before = merged(readFreezes(file), known, now)
      const made = freezeEntryOf(wish, before.get(subjectOf(wish)), now)
      writeFreezes(file, merged(before, [made], now))
      return made
    })
  const held = frozen && policy ? reach(wish, policy, values, io) : undefined
  if (held && !held.matched && !ahead) {
    io.err(whyNothing(wish, values, io))
    return 1
  }
  const made = await write([])
  const told = policy !== undefined && (redis === undefined || (await tellAll(redis, made, write)))
  const taken = await untilTaken(values, io, 'freezes', file)
  io.out(`${sentence(made)}\n`)
  if (held) io.out(`It affects now: ${reachInWords(held)}.\n`)
  if (held?.models === null) io.err('The models of the servers are not known here.\n')
  if (taken === 'no gate')
    io.err('No gateway is running with this policy. The change applies when one starts.\n')
  if (policy && !told)
    io.err(
      'Redis does not answer. Only gateways that use this audit folder are reached; they pass the change on when Redis is back. Until then, tell each of the others (POST /admin/v1/freezes).\n',
    )
  return told && taken !== 'late' ? 0 : 1
}

/** @returns whether Redis has taken it */
async function tellAll(
  redis: RedisServers,
  made: FreezeEntry,
  write: (known: readonly FreezeEntry[]) => Promise<FreezeEntry>,
): Promise<boolean> {
  const client = createRedisClient(redis, answerMs)
  const shared = shareFreezes(client)
  try {
    const known = await attempt(() => shared.read())
    if (!known) return false
    // Somebody whose clock is ahead may have said the opposite "later".
    const later = known.some((order) => subjectOf(order) === subjectOf(made) && order.at >= made.at)
    const order = later ? await write(known) : made
    const written = await attempt(async () => {
      await shared.write([order])
      return true
    })
    return written ?? false
  } finally {
    await client.close()
  }
}

/** Whether nobody has to be told to lift this. Where Redis does not answer, others may hold what is not in the file. */
async function isNothing(
  wish: FreezeRequest,
  file: string,
  redis: RedisServers | undefined,
): Promise<boolean> {
  const isFrozen = (orders: readonly FreezeEntry[]) => {
    const now = Date.now()
    return isHeld(merged(readFreezes(file), orders, now), wish, now)
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
    return await attempt(() => shared.read())
  } finally {
    await client.close()
  }
}

/** Keys are known by their names and frozen by their ids. @throws UsageError */
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

/** @returns undefined if it cannot be known, which must not keep anybody from pulling the brake */
function reach(wish: FreezeRequest, policy: Policy, values: Values, io: Io): Reach | undefined {
  try {
    return reachOf(wish, policy, readKeys(values, io), gateOf(values, io)?.models ?? null, Date.now())
  } catch (error) {
    if (error instanceof UsageError) throw error
    return undefined
  }
}

function whyNothing({ kind, name }: FreezeRequest, values: Values, io: Io): string {
  const models = gateOf(values, io)?.models
  const wider = `${name}:*`
  const near = kind === 'model' && models && parsePattern(wider) ? matching(wider, models) : []
  const hint =
    near.length === 0
      ? ''
      : ` Did you mean ${near
          .map(([model]) => model)
          .slice(0, 5)
          .join(', ')}? Run \`torwart freeze model '${wider}'\`.`
  return `Nothing was frozen, because there is no ${kind} ${name}.${hint} Use --ahead to freeze it before it exists.\n`
}

export async function list(values: Values, io: Io): Promise<readonly FreezeEntry[]> {
  const { file, redis } = placeOf(values, io)
  const known = redis ? await readShared(redis) : []
  if (known === undefined)
    io.err('Redis does not answer. This list is from the audit folder of this gateway only.\n')
  return [...merged(readFreezes(file), known ?? [], Date.now()).values()]
}

export function sentence({ kind, name, frozen, why, by, at, until }: FreezeEntry): string {
  const subject = kind === 'all' ? 'everything' : `${kind} ${name}`
  const end = until === null ? '' : ` until ${new Date(until).toISOString()}`
  return `${subject} is ${frozen ? 'frozen' : 'not frozen'}${end}: ${why} (${by}, ${new Date(at).toISOString()})`
}

/** A connection takes a moment to be made. @returns undefined if Redis does not answer */
async function attempt<T>(ask: () => Promise<T>): Promise<T | undefined> {
  for (const end = Date.now() + redisMs; Date.now() < end; ) {
    try {
      return await ask()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
  return undefined
}
