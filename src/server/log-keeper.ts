/**
 * The audit log in the hands of this process: the chain that it writes, those that it tends, and its receivers. In an
 * upgrade the log goes to the next gateway, while this one still has requests to record.
 */
import type { Audit } from '../audit/audit.ts'
import { leavingChains, workerChain } from '../audit/chains.ts'
import { createMovableAudit, type MovableAudit } from '../audit/movable.ts'
import { workerStarted } from '../audit/verify/verify-chains.ts'
import { isLocked } from '../audit/write/lock.ts'
import {
  type AuditWiringParts,
  openAuditLog,
  openLeavingChain,
  openOrphans,
  startForwarders,
} from './audit-wiring.ts'
import { Closers } from './closers.ts'

/** What was recorded on the log by the gateway that left it. */
export const handedOver = 'handed over'

/** The audit log of a gateway, or of the part of it that this process is. */
export class LogKeeper {
  readonly audit: MovableAudit
  readonly #parts: AuditWiringParts
  /** Of what the log's one writer has beside its chain. */
  readonly #tended = new Closers()
  readonly #orphans = new Map<number, Audit>()

  private constructor(parts: AuditWiringParts, audit: Audit) {
    this.#parts = parts
    this.audit = createMovableAudit(audit)
  }

  /** @throws Error if the log cannot be opened, or another process writes it; nothing is left open then */
  static async open(parts: AuditWiringParts, closers: Closers): Promise<LogKeeper> {
    const keeper = new LogKeeper(parts, await openAuditLog(parts))
    closers.add(keeper.audit.close, () => keeper.#tended.closeAll())
    await keeper.#tend()
    return keeper
  }

  /** Chains that nobody writes any more: they are tended until their retention ends. */
  get orphans(): readonly Audit[] {
    return [...this.#orphans.values()]
  }

  /**
   * Leaves the log to another process, and goes on in a chain beside it.
   * @throws Error if there is none to go on in; then nothing has changed
   */
  async leave(): Promise<void> {
    await this.#letGo()
    try {
      const worker = await this.#freeChain()
      const next = await openLeavingChain(this.#parts, worker)
      const { instance } = next
      this.#parts.onGone()
      await this.audit.move(next, (before) => {
        // Verification misses the chain, should somebody remove it.
        void before.event(workerStarted, { worker, instance }).catch(() => {})
        void before.event(handedOver, { worker, instance }).catch(() => {})
      })
    } catch (error) {
      await this.#tend()
      throw error
    }
  }

  /** Takes the log up again, after whoever it was left to has failed. @throws Error if it cannot be opened */
  async takeBack(): Promise<void> {
    const next = await openAuditLog(this.#parts)
    this.#parts.onGone()
    await this.audit.move(next, () => {})
    await this.#tend()
  }

  /** Tends the chains that a gateway has finished on after an upgrade. @throws as `openOrphans` */
  async adopt(): Promise<void> {
    const known = new Set(this.#orphans.keys())
    for (const [worker, orphan] of await openOrphans(this.#parts, this.#tended, known))
      this.#orphans.set(worker, orphan)
  }

  async #tend(): Promise<void> {
    await this.adopt()
    startForwarders(this.#parts, this.audit, this.#tended)
  }

  async #letGo(): Promise<void> {
    await this.#tended.closeAll()
    this.#orphans.clear()
  }

  async #freeChain(): Promise<number> {
    const { atStart, processes } = this.#parts
    for (const worker of leavingChains)
      if (!(await isLocked(workerChain(atStart.audit.file, worker), { processes }))) return worker
    throw new Error(
      `${leavingChains.length} gateways that were upgraded still finish requests; try again when they have ended`,
    )
  }
}
