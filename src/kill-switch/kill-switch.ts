/**
 * The kill switch of a running gateway: which orders are in force here. They come from three sides (the file, Redis,
 * the admin API) and go to the other two, so every gateway obeys within a second, whichever of them is told, and none
 * forgets at a restart, be it Redis's. While Redis is away, what is known holds, and the file still works.
 */
import type { Clock } from '../core/clock.ts'
import type { ServerKind } from '../core/servers.ts'
import { unlessLocked, whileLocked } from '../files/lock.ts'
import { stateOf } from '../files/state.ts'
import { watchFiles } from '../files/watch.ts'
import { type ModelMatcher, modelMatcher } from '../models/match.ts'
import { readFreezes, writeFreezes } from './file.ts'
import { isHeld, merged, news, type Orders } from './freeze-entries.ts'
import { type FreezeEntry, type FreezeRequest, isInForce, orderOf, subjectOf } from './freeze-entry.ts'
import type { SharedFreezes } from './shared.ts'

export interface KillSwitch {
  /** Whether a caller may do nothing, by any of the ids and roles that it comes with. */
  holdsCaller(ids: readonly string[], roles: readonly string[]): boolean
  holdsModel(model: string, server: ServerKind): boolean
  /** All that are in force. */
  list(): readonly FreezeEntry[]
  /** All that are known, those that are over, too. */
  all(): readonly FreezeEntry[]
  /** The state (`files/state.ts`) in which the file was read last. */
  readonly taken: string
  /** Reads the file now, if it has changed: for what must not happen before the next look at it. */
  look(): void
  /**
   * Takes an order, here and everywhere, once it is on the disk: what a restart would forget is not acknowledged.
   * @throws what `fs` throws, or FileBusy; then nothing has changed
   */
  give(wish: FreezeRequest): Promise<FreezeEntry>
  /**
   * Starts to follow the file and Redis.
   * @param onOrders told of orders that this gateway has not known and that change something here; of those learned
   * while opening, at once
   */
  watch(onOrders: (orders: readonly FreezeEntry[]) => void): void
  close(): void
}

export interface FreezesOptions {
  readonly file: string
  readonly shared: SharedFreezes | undefined
  readonly clock: Clock
  /** What went wrong with the file. */
  report(problem: string, error: unknown): void
  /** Redis does not take or tell orders. */
  onUnshared(error: unknown): void
}

const everyMs = 400
/** How long a start waits for Redis, so that nothing slips through that was frozen while this gateway was down. */
const startMs = 1000
const retryMs = 50

interface FrozenModel {
  readonly order: FreezeEntry
  readonly matches: ModelMatcher
}

/** @throws TypeError if the file is not what it should be: who cannot read what is frozen must not start */
export async function createKillSwitch({
  file,
  shared,
  clock,
  report,
  onUnshared,
}: FreezesOptions): Promise<KillSwitch> {
  const patientUntil = performance.now() + startMs
  let seen = stateOf(file)
  let orders: Orders = readFreezes(file)
  /** Without the disk's knowledge. */
  let unwritten = false
  let models: readonly FrozenModel[] = modelsOf(orders)
  let asking = false
  let unread = false
  let sharing = true
  let onOrders: ((orders: readonly FreezeEntry[]) => void) | undefined
  /** Before anybody listens. */
  const untold: FreezeEntry[] = []
  let stop = () => {}
  let writing = true

  const take = (found: readonly FreezeEntry[]) => {
    const fresh = news(orders, found, clock.wallMs())
    if (fresh.length === 0) return
    const before = orders
    const all = merged(orders, fresh, clock.wallMs())
    models = modelsOf(all)
    orders = all
    unwritten = true
    // To lift what is not frozen changes nothing.
    const telling = fresh.filter((order) => order.frozen || isHeld(before, order, clock.wallMs()))
    if (telling.length === 0) return
    if (onOrders) onOrders(telling)
    else untold.push(...telling)
  }

  const readFile = () => {
    const state = stateOf(file)
    try {
      take([...readFreezes(file).values()])
      seen = state
      unread = false
    } catch (error) {
      if (!unread) report('cannot read the freezes file; current freezes stay in force', error)
      unread = true
    }
  }

  const writeFile = () => {
    if (!unwritten) return
    try {
      unwritten = !unlessLocked(file, () => {
        // Somebody may have written since.
        take([...readFreezes(file).values()])
        writeFreezes(file, orders)
      })
      writing = true
    } catch (error) {
      // Told once until it can: it is tried again all the time.
      if (writing) report('cannot write the freezes file', error)
      writing = false
    }
  }

  const keep = (wish: FreezeRequest): Promise<FreezeEntry> =>
    whileLocked(file, () => {
      take([...readFreezes(file).values()])
      const now = clock.wallMs()
      const order = orderOf(wish, orders.get(subjectOf(wish)), now)
      writeFreezes(file, merged(orders, [order], now))
      take([order])
      unwritten = false
      return order
    })

  /** Away, it is asked again soon. */
  const exchange = async (): Promise<boolean> => {
    if (!shared || asking) return false
    asking = true
    try {
      const found = await shared.read()
      take(found)
      const there = new Map(found.map((order) => [subjectOf(order), order]))
      await shared.write(news(there, orders.values(), clock.wallMs()))
      sharing = true
      return true
    } catch (error) {
      if (sharing && performance.now() > patientUntil) {
        sharing = false
        onUnshared(error)
      }
      return false
    } finally {
      asking = false
    }
  }

  const synchronise = async () => {
    if (unread) readFile()
    await exchange()
    writeFile()
  }

  const look = () => {
    if (stateOf(file) !== seen) readFile()
  }

  while (shared && !(await exchange()) && performance.now() < patientUntil)
    await new Promise((resolve) => setTimeout(resolve, retryMs))
  writeFile()

  return {
    holdsCaller: (ids, roles) => holdsCaller(orders, ids, roles, clock.wallMs()),
    holdsModel: (model, server) => holdsModel(models, model, server, clock.wallMs()),
    look,
    all: () => [...orders.values()],
    get taken() {
      return seen
    },
    list: () => [...orders.values()].filter((order) => isInForce(order, clock.wallMs())),
    async give(wish) {
      const order = await keep(wish)
      await exchange()
      return order
    },
    watch(listener) {
      onOrders = listener
      if (untold.length > 0) listener(untold.splice(0))
      const watched = watchFiles([file], readFile, everyMs)
      const timer = setInterval(() => void synchronise(), everyMs)
      timer.unref()
      shared?.onNews(() => void synchronise())
      stop = () => {
        clearInterval(timer)
        watched.close()
      }
      look()
    },
    close: () => stop(),
  }
}

/** What such a set of orders holds, for who has no running gateway to ask. */
export function frozenBy(orders: Orders, nowMs: number): Pick<KillSwitch, 'holdsCaller' | 'holdsModel'> {
  const models = modelsOf(orders)
  return {
    holdsCaller: (ids, roles) => holdsCaller(orders, ids, roles, nowMs),
    holdsModel: (model, server) => holdsModel(models, model, server, nowMs),
  }
}

function holdsCaller(
  orders: Orders,
  ids: readonly string[],
  roles: readonly string[],
  nowMs: number,
): boolean {
  if (orders.size === 0) return false
  const holds = (kind: FreezeEntry['kind'], name: string) => isHeld(orders, { kind, name }, nowMs)
  return holds('all', '') || ids.some((id) => holds('key', id)) || roles.some((role) => holds('role', role))
}

function holdsModel(
  models: readonly FrozenModel[],
  model: string,
  server: ServerKind,
  nowMs: number,
): boolean {
  return models.some(({ order, matches }) => isInForce(order, nowMs) && matches(model, server))
}

function modelsOf(orders: Orders): FrozenModel[] {
  return [...orders.values()]
    .filter(({ kind, frozen }) => kind === 'model' && frozen)
    .map((order) => ({ order, matches: modelMatcher([order.name]) }))
}
