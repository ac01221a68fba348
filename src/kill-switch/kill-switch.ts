/**
 * The kill switch of a running gateway: which freezes are in force here. They come from three sides (the file, Redis, the
 * admin API) and go to the other two. So every gateway obeys within a second, whichever of them is told, and none forgets
 * at a restart, be it Redis's. While Redis is away, what is known holds, and the file still works.
 */
import type { Clock } from '../core/clock.ts'
import type { ServerKind } from '../core/servers.ts'
import { unlessLocked, whileLocked } from '../files/lock.ts'
import { stateOf } from '../files/state.ts'
import { type Watch, watchFiles } from '../files/watch.ts'
import { type ModelMatcher, modelMatcher } from '../models/match.ts'
import { readFreezes, writeFreezes } from './file.ts'
import { type FreezeEntries, isHeld, merged, newEntries } from './freeze-entries.ts'
import { type FreezeEntry, type FreezeRequest, freezeEntryOf, isInForce, subjectOf } from './freeze-entry.ts'
import type { SharedFreezes } from './shared.ts'

/** What stops a caller or a model by hand. */
export interface FreezeCheck {
  /**
   * Whether a caller may do nothing, by any of the ids and roles that it comes with.
   * @param person the person behind a key that it speaks for, if any
   */
  holdsCaller(ids: readonly string[], roles: readonly string[], person?: string): boolean
  /** Whether no caller may use this model on servers of this kind. */
  holdsModel(model: string, server: ServerKind): boolean
}

/** The kill switch of a gateway. */
export interface KillSwitch extends FreezeCheck {
  /** Lists all freezes in force. */
  list(): readonly FreezeEntry[]
  /** Lists all entries that are known, those that are over, too. */
  all(): readonly FreezeEntry[]
  /** The state (`files/state.ts`) in which the file was read last. */
  readonly taken: string
  /** Reads the file now, if it has changed: for what must not happen before the next look at it. */
  refresh(): void
  /**
   * Freezes or unfreezes, here and everywhere, once it is on the disk: what a restart would forget is not acknowledged.
   * @throws what `fs` throws, or FileBusy; then nothing has changed
   */
  issue(request: FreezeRequest): Promise<FreezeEntry>
  /**
   * Starts to follow the file and Redis.
   * @param onEntries told of entries that this gateway has not known and that change something here; of those learned
   * while opening, at once
   */
  watch(onEntries: (entries: readonly FreezeEntry[]) => void): void
  /** Stops following file and Redis. */
  close(): void
}

/** What the kill switch works with. */
export interface KillSwitchOptions {
  readonly file: string
  readonly shared: SharedFreezes | undefined
  readonly clock: Clock
  /** Between two looks at the file, and at Redis. */
  readonly everyMs: number
  /** Told what went wrong with the file, once until it works again. */
  report(problem: string, error: unknown): void
  /** Told that Redis does not take or return entries, once until it does. */
  onUnshared(error: unknown): void
}

/** How long a start waits for Redis, so that nothing slips through that was frozen while this gateway was down. */
const startMs = 1000
const retryMs = 50

interface FrozenModel {
  readonly entry: FreezeEntry
  readonly matches: ModelMatcher
}

/**
 * Opens the kill switch of a gateway. Resolves when Redis has told what is frozen, or was waited for long enough.
 * @throws TypeError if the file is not what it should be: a gateway that cannot read what is frozen must not start
 */
export async function createKillSwitch(options: KillSwitchOptions): Promise<KillSwitch> {
  const killSwitch = new GatewayKillSwitch(options)
  await killSwitch.open()
  return killSwitch
}

class GatewayKillSwitch implements KillSwitch {
  readonly #options: KillSwitchOptions
  readonly #patientUntil = performance.now() + startMs
  #taken: string
  #entries: FreezeEntries
  #models: readonly FrozenModel[]
  /** Whether something is known that is not in the file. */
  #unwritten = false
  #exchanging = false
  /** Whether the last try to read the file, to write it, or to exchange with Redis failed. */
  #unread = false
  #unwritable = false
  #unshared = false
  #onEntries: ((entries: readonly FreezeEntry[]) => void) | undefined
  /** Learned before anybody listens. */
  readonly #untold: FreezeEntry[] = []
  #timer: NodeJS.Timeout | undefined
  #watch: Watch | undefined

  constructor(options: KillSwitchOptions) {
    this.#options = options
    this.#taken = stateOf(options.file)
    this.#entries = readFreezes(options.file)
    this.#models = modelsOf(this.#entries)
  }

  get taken(): string {
    return this.#taken
  }

  async open(): Promise<void> {
    while (this.#options.shared && !(await this.#exchange()) && performance.now() < this.#patientUntil)
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    this.#writeFile()
  }

  holdsCaller(ids: readonly string[], roles: readonly string[], person?: string): boolean {
    return holdsCaller(this.#entries, { ids, roles, person }, this.#now())
  }

  holdsModel(model: string, server: ServerKind): boolean {
    return holdsModel(this.#models, model, server, this.#now())
  }

  list(): readonly FreezeEntry[] {
    return this.all().filter((entry) => isInForce(entry, this.#now()))
  }

  all(): readonly FreezeEntry[] {
    return [...this.#entries.values()]
  }

  refresh(): void {
    if (stateOf(this.#options.file) !== this.#taken) this.#readFile()
  }

  async issue(request: FreezeRequest): Promise<FreezeEntry> {
    const { file } = this.#options
    const issued = await whileLocked(file, () => {
      this.#take([...readFreezes(file).values()])
      const now = this.#now()
      const entry = freezeEntryOf(request, this.#entries.get(subjectOf(request)), now)
      writeFreezes(file, merged(this.#entries, [entry], now))
      this.#take([entry])
      this.#unwritten = false
      return entry
    })
    await this.#exchange()
    return issued
  }

  watch(onEntries: (entries: readonly FreezeEntry[]) => void): void {
    const { everyMs } = this.#options
    this.#onEntries = onEntries
    if (this.#untold.length > 0) onEntries(this.#untold.splice(0))
    this.#watch = watchFiles([this.#options.file], () => this.#readFile(), everyMs)
    this.#timer = setInterval(() => void this.#synchronise(), everyMs)
    this.#timer.unref()
    this.#options.shared?.onNews(() => void this.#synchronise())
    this.refresh()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#watch?.close()
    this.#options.shared?.close()
  }

  #now(): number {
    return this.#options.clock.wallMs()
  }

  #take(found: readonly FreezeEntry[]): void {
    const fresh = newEntries(this.#entries, found, this.#now())
    if (fresh.length === 0) return
    const before = this.#entries
    const all = merged(before, fresh, this.#now())
    this.#models = modelsOf(all)
    this.#entries = all
    this.#unwritten = true
    // To unfreeze what is not frozen changes nothing.
    const telling = fresh.filter((entry) => entry.frozen || isHeld(before, entry, this.#now()))
    if (telling.length === 0) return
    if (this.#onEntries) this.#onEntries(telling)
    else this.#untold.push(...telling)
  }

  #readFile(): void {
    const { file, report } = this.#options
    const state = stateOf(file)
    try {
      const found = [...readFreezes(file).values()]
      // First, because whoever is told of the entries asks for it.
      this.#taken = state
      this.#unread = false
      this.#take(found)
    } catch (error) {
      if (!this.#unread) report('cannot read the freezes file; current freezes stay in force', error)
      this.#unread = true
    }
  }

  #writeFile(): void {
    const { file, report } = this.#options
    if (!this.#unwritten) return
    try {
      this.#unwritten = !unlessLocked(file, () => {
        // Another process may have written since.
        this.#take([...readFreezes(file).values()])
        writeFreezes(file, this.#entries)
      })
      this.#unwritable = false
    } catch (error) {
      if (!this.#unwritable) report('cannot write the freezes file', error)
      this.#unwritable = true
    }
  }

  /** @returns whether Redis and this gateway know the same now; if not, it is tried again soon */
  async #exchange(): Promise<boolean> {
    const { shared, onUnshared } = this.#options
    if (!shared || this.#exchanging) return false
    this.#exchanging = true
    try {
      const found = await shared.read()
      this.#take(found)
      const there = new Map(found.map((entry) => [subjectOf(entry), entry]))
      await shared.write(newEntries(there, this.#entries.values(), this.#now()))
      this.#unshared = false
      return true
    } catch (error) {
      if (!this.#unshared && performance.now() > this.#patientUntil) {
        this.#unshared = true
        onUnshared(error)
      }
      return false
    } finally {
      this.#exchanging = false
    }
  }

  async #synchronise(): Promise<void> {
    if (this.#unread) this.#readFile()
    await this.#exchange()
    this.#writeFile()
  }
}

/** Tells what these entries hold, where there is no running gateway to ask. */
export function frozenBy(entries: FreezeEntries, nowMs: number): FreezeCheck {
  const models = modelsOf(entries)
  return {
    holdsCaller: (ids, roles, person) => holdsCaller(entries, { ids, roles, person }, nowMs),
    holdsModel: (model, server) => holdsModel(models, model, server, nowMs),
  }
}

interface Caller {
  readonly ids: readonly string[]
  readonly roles: readonly string[]
  readonly person: string | undefined
}

function holdsCaller(entries: FreezeEntries, { ids, roles, person }: Caller, nowMs: number): boolean {
  if (entries.size === 0) return false
  const holds = (kind: FreezeEntry['kind'], name: string) => isHeld(entries, { kind, name }, nowMs)
  if (person !== undefined && holds('person', person)) return true
  return holds('all', '') || ids.some((id) => holds('key', id)) || roles.some((role) => holds('role', role))
}

function holdsModel(
  models: readonly FrozenModel[],
  model: string,
  server: ServerKind,
  nowMs: number,
): boolean {
  return models.some(({ entry, matches }) => isInForce(entry, nowMs) && matches(model, server))
}

function modelsOf(entries: FreezeEntries): FrozenModel[] {
  return [...entries.values()]
    .filter(({ kind, frozen }) => kind === 'model' && frozen)
    .map((entry) => ({ entry, matches: modelMatcher([entry.name]) }))
}
