/**
 * Approvals as the pipeline asks for them: puts a question, wakes the requests that wait for the answer when somebody
 * decides on any gateway, and tells what became of every question, each once. While the store cannot be asked, no call
 * passes.
 */
import { type Approval, type ApprovalRequest, approvalOf, type Decision, decisionOf } from './approval.ts'
import type { ApprovalStatus, ApprovalStore, Decided } from './store.ts'

/** What can become of a question, for the record, the metrics and the webhook. */
const approvalEvents = ['requested', 'approved', 'denied', 'expired', 'used'] as const

/** One of `approvalEvents`. */
export type ApprovalEvent = (typeof approvalEvents)[number]

/** A human has decided. */
export interface Answered {
  readonly kind: 'passed' | 'denied'
  /** The approval that was decided: another one than was asked for, if that was over meanwhile. */
  readonly id: string
  /** The reason that was given, masked; null: none. */
  readonly why: string | null
}
/** `over`: the question is no more, so that it cannot be answered. */
type Unanswered = { readonly kind: 'unanswered' | 'over' }

/** A request that waits for a yes. */
export interface Claimant {
  /** Whether the call can still be passed on: else a yes is left for later. Asked often. */
  wanted(): boolean
  /** The same, as carefully as can be: asked just before a yes is used up. */
  mayPass(): boolean
}

/** How it stands with a call once it was asked about. */
export type ApprovalAnswer =
  | { readonly kind: 'full' }
  | Answered
  | {
      readonly kind: 'pending'
      readonly id: string
      /** Waits for the decision, for at most `waitMs`. Never rejects. */
      decided(waitMs: number, claimant: Claimant): Promise<Answered | Unanswered>
    }

/** Asks for approvals and waits for them. */
export interface ApprovalService {
  /** Uses up the yes to this call, if there is one, and asks for one if not. @throws if the store cannot be asked */
  ask(
    request: ApprovalRequest,
    how: { readonly validMs: number; readonly shows: 'masked' | 'plain' },
  ): Promise<ApprovalAnswer>
  /** Lists all that are not over, the oldest first. @throws if the store cannot be asked */
  list(): Promise<readonly Approval[]>
  /** Decides. Whether this person may was judged before. @throws if the store cannot be asked */
  decide(id: string, decision: Decision): Promise<Decided>
  /** Ends every wait without an answer. */
  close(): void
}

/** What the service works with. */
export interface ApprovalServiceOptions {
  readonly store: ApprovalStore
  /** Told what became of a question. @param usedBy of `used`: the request that may make the call */
  tell(event: ApprovalEvent, approval: Approval, usedBy?: string): void
  /** Told what went wrong with the store. */
  report(problem: string, error: unknown): void
}

const everyMs = 500
const sweepEveryMs = 5000

/** A request that waits, as the service knows it. */
interface Waiter {
  readonly digest: string
  wanted(): boolean
  /** Looks whether there is a decision now. */
  look(): void
  /** Ends the wait without an answer. */
  giveUp(): void
}

/** Makes the service on a store, which it closes. */
export function createApprovalService(options: ApprovalServiceOptions): ApprovalService {
  return new Service(options)
}

class Service implements ApprovalService {
  readonly #store: ApprovalStore
  readonly #tell: ApprovalServiceOptions['tell']
  readonly #report: ApprovalServiceOptions['report']
  readonly #waiting = new Set<Waiter>()
  readonly #sweeping: NodeJS.Timeout
  #looking = false
  #polling: NodeJS.Timeout | undefined

  constructor({ store, tell, report }: ApprovalServiceOptions) {
    this.#store = store
    this.#tell = tell
    this.#report = report
    store.onNews(() => void this.#lookForAll())
    this.#sweeping = setInterval(() => void this.#sweep(), sweepEveryMs)
    this.#sweeping.unref()
  }

  async ask(
    request: ApprovalRequest,
    { validMs, shows }: { readonly validMs: number; readonly shows: 'masked' | 'plain' },
  ): Promise<ApprovalAnswer> {
    const approval = approvalOf(request, shows)
    const status = await this.#take(approval, request.request, validMs)
    if (status.kind === 'gone') throw new TypeError('an approval request was not stored')
    if (status.kind === 'full') return { kind: 'full' }
    const { kind, approval: found } = status
    if (kind !== 'pending') return { kind, id: found.id, why: found.why }
    return {
      kind,
      id: found.id,
      decided: (waitMs, claimant) => this.#decided(found, request.request, waitMs, claimant),
    }
  }

  async list(): Promise<readonly Approval[]> {
    return (await this.#store.list()).toSorted((a, b) => a.asked - b.asked)
  }

  async decide(id: string, decision: Decision): Promise<Decided> {
    const result = await this.#store.decide(id, decisionOf(decision))
    if (result.kind === 'done') this.#tell(decision.state, result.approval)
    return result
  }

  close(): void {
    clearInterval(this.#sweeping)
    for (const waiter of this.#waiting) waiter.giveUp()
    this.#store.close()
  }

  /** @param request whose call it is */
  async #take(approval: Approval, request: string, validMs?: number): Promise<ApprovalStatus> {
    const [status, over] = await this.#store.take(approval, validMs)
    this.#tellOver(over)
    if (status.kind === 'pending' && status.fresh) this.#tell('requested', status.approval)
    if (status.kind === 'passed') this.#tell('used', status.approval, request)
    return status
  }

  #tellOver(over: Approval | undefined): void {
    if (over && over.state !== 'denied') this.#tell('expired', over)
  }

  async #sweep(): Promise<void> {
    try {
      for (const over of await this.#store.sweep()) this.#tellOver(over)
    } catch {
      // It is tried again soon enough, and nothing that is over ever passes.
    }
  }

  /** Asks the store once for all who wait. */
  async #lookForAll(): Promise<void> {
    for (const waiter of this.#waiting) if (!waiter.wanted()) waiter.giveUp()
    if (this.#looking || this.#waiting.size === 0) return
    this.#looking = true
    try {
      const open = new Set(
        (await this.#store.list()).flatMap(({ state, digest }) => (state === 'pending' ? [digest] : [])),
      )
      for (const waiter of this.#waiting) if (!open.has(waiter.digest)) waiter.look()
    } catch (error) {
      this.#report('approvals cannot be read; waiting requests keep waiting', error)
    } finally {
      this.#looking = false
    }
  }

  #wait(waiter: Waiter): void {
    this.#waiting.add(waiter)
    this.#polling ??= setInterval(() => void this.#lookForAll(), everyMs)
    this.#polling.unref()
  }

  #leave(waiter: Waiter): void {
    this.#waiting.delete(waiter)
    if (this.#waiting.size > 0) return
    clearInterval(this.#polling)
    this.#polling = undefined
  }

  #decided(
    approval: Approval,
    request: string,
    waitMs: number,
    { wanted, mayPass }: Claimant,
  ): Promise<Answered | Unanswered> {
    return new Promise((resolve) => {
      let taking = false
      const end = (how: Answered | Unanswered) => {
        clearTimeout(timer)
        this.#leave(waiter)
        resolve(how)
      }
      const giveUp = () => end({ kind: 'unanswered' })
      const look = async () => {
        if (taking) return
        if (!mayPass()) return giveUp()
        taking = true
        const found = await this.#decisionOn(approval, request)
        taking = false
        if (found) end(found)
      }
      const waiter: Waiter = { digest: approval.digest, wanted, look: () => void look(), giveUp }
      const timer = setTimeout(() => {
        if (!taking) giveUp()
        else setTimeout(giveUp, everyMs)
      }, waitMs)
      this.#wait(waiter)
      // It may have been decided between the question and now.
      void this.#lookForAll()
    })
  }

  /** @returns undefined while there is no decision, or it cannot be known. Never rejects. */
  async #decisionOn(approval: Approval, request: string): Promise<Answered | Unanswered | undefined> {
    try {
      const status = await this.#take(approval, request)
      const { kind } = status
      if (kind === 'passed' || kind === 'denied')
        return { kind, id: status.approval.id, why: status.approval.why }
      // Another call like this one has had the yes, or it is over.
      return kind === 'pending' ? undefined : { kind: 'over' }
    } catch (error) {
      this.#report('an approval cannot be claimed; its tool call keeps waiting', error)
      return undefined
    }
  }
}
