/** What `freeze`, `unfreeze` and `freezes` share: where orders are, and giving one. */

import { whileLocked } from '../files/lock.ts'
import { freezesFile, readFreezes, writeFreezes } from '../freezes/file.ts'
import { type FrozenKind, faultOf, frozenKinds, type Order, orderOf, subjectOf } from '../freezes/order.ts'
import { merged } from '../freezes/orders.ts'
import { type SharedFreezes, shareFreezes } from '../freezes/shared.ts'
import { keyId } from '../identity/key.ts'
import { loadPolicy, locateAudit } from '../policy/load.ts'
import type { RedisSettings } from '../policy/policy.ts'
import { PolicyError } from '../policy/problem.ts'
import { type ExitCode, type Io, textOf, UsageError, type Values } from './command.ts'

const redisMs = 3000
const retryMs = 50

interface Place {
  readonly file: string
  readonly redis: RedisSettings | undefined
  readonly roles: ReadonlySet<string> | undefined
}

/** A policy with mistakes must not keep anybody from pulling the brake: then at least the file is found. */
function placeOf(values: Values, io: Io): Place {
  const policyFile = textOf(values, 'config')
  try {
    const { policy } = loadPolicy(policyFile, io.variables)
    return {
      file: freezesFile(policy.audit.file),
      redis: policy.store.redis,
      roles: new Set(policy.roles.keys()),
    }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const file = freezesFile(locateAudit(policyFile, io.variables))
    io.err('The policy has mistakes (torwart check): only gateways that use its audit folder are told.\n')
    return { file, redis: undefined, roles: undefined }
  }
}

export interface Wanted {
  readonly frozen: boolean
  readonly why: string
  readonly forMs: number | undefined
}

/** @throws UsageError */
export async function give(
  values: Values,
  io: Io,
  [kind = '', given = '']: readonly string[],
  { frozen, why, forMs }: Wanted,
): Promise<ExitCode> {
  if (!isKind(kind)) throw new UsageError(`what? One of ${frozenKinds.join(', ')}`)
  // A whole key is taken for its id, and repeated nowhere.
  const name = kind === 'key' ? (keyId(given) ?? given) : given
  const wish = { kind, name, frozen, why, by: textOf(values, 'by') || io.user, forMs }
  const fault = faultOf(wish)
  if (fault !== undefined) throw new UsageError(fault)
  const { file, redis, roles } = placeOf(values, io)
  if (kind === 'role' && frozen && roles && !roles.has(name))
    throw new UsageError(`there is no role ${name}; the policy has ${[...roles].join(', ') || 'none'}`)
  const shared = redis && shareFreezes(redis, () => {})
  try {
    const known = shared ? await attempt(() => shared.read()) : []
    const order = whileLocked(file, () => {
      const here = merged(readFreezes(file), known ?? [], Date.now())
      const made = orderOf(wish, here.get(subjectOf(wish)), Date.now())
      writeFreezes(file, merged(here, [made], Date.now()))
      return made
    })
    const told = known !== undefined && (!shared || (await attempt(() => tell(shared, order))) !== undefined)
    io.out(`${sentence(order)}\n`)
    if (told) return 0
    io.err('Redis does not answer: only gateways that use this audit folder know, and they pass it on.\n')
    return 1
  } finally {
    shared?.close()
  }
}

export async function list(values: Values, io: Io): Promise<readonly Order[]> {
  const { file, redis } = placeOf(values, io)
  const shared = redis && shareFreezes(redis, () => {})
  try {
    const known = shared ? await attempt(() => shared.read()) : []
    if (known === undefined)
      io.err('Redis does not answer: this is what the folder of the audit log knows.\n')
    return [...merged(readFreezes(file), known ?? [], Date.now()).values()]
  } finally {
    shared?.close()
  }
}

export function sentence({ kind, name, frozen, why, by, at, until }: Order): string {
  const subject = kind === 'all' ? 'everything' : `${kind} ${name}`
  const end = until === null ? '' : ` until ${new Date(until).toISOString()}`
  return `${subject} is ${frozen ? 'frozen' : 'not frozen'}${end}: ${why} (${by}, ${new Date(at).toISOString()})`
}

async function tell(shared: SharedFreezes, order: Order): Promise<true> {
  await shared.write([order])
  return true
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

function isKind(text: string): text is FrozenKind {
  return frozenKinds.some((kind) => kind === text)
}
