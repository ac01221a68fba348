/**
 * Where calls wait for a human: asks, wakes who waits when somebody decides on any gateway, and tells what became of
 * every question, each once. While the store cannot be asked, no call passes.
 */
import { type Approval, type ApprovalRequest, approvalOf, type Decision, decisionOf } from './approval.ts'
import type { ApprovalStatus, ApprovalStore, Decided } from './store.ts'

export const approvalEvents = ['requested', 'approved', 'denied', 'expired', 'used'] as const
export type ApprovalEvent = (typeof approvalEvents)[number]

/** By the approval of this id: another one's than was asked, if that was over meanwhile. */
export interface Answered {
  readonly kind: 'passed' | 'denied'
  readonly id: string
  /** What whoever decided said, masked; null: nothing. */
  readonly why: string | null
}
/** `over`: the question is no more, so that nobody can answer it. */
type Unanswered = { readonly kind: 'unanswered' | 'over' }

/** Whoever waits for a yes. */
export interface Claimant {
  /** Whether there is still somebody to pass the call to: else a yes is left for later. Asked often. */
  wanted(): boolean
  /** The same, as carefully as can be: asked just before a yes is used up. */
  mayPass(): boolean
}

export type Answer =
  | { readonly kind: 'full' }
  | Answered
  | {
      readonly kind: 'pending'
      readonly id: string
      /** Waits for it. */
      decided(waitMs: number, claimant: Claimant): Promise<Answered | Unanswered>
    }

export interface Approvals {
  /** @throws if the store cannot be asked */
  ask(
    wish: ApprovalRequest,
    how: { readonly validMs: number; readonly shows: 'masked' | 'plain' },
  ): Promise<Answer>
  /** All that are not over, the oldest first. */
  list(): Promise<readonly Approval[]>
  /** Who may decide was judged before. */
  decide(id: string, decision: Decision): Promise<Decided>
  close(): void
}

export interface DeskOptions {
  readonly store: ApprovalStore
  /** For the record, the metrics, the webhook. @param usedBy of `used`: the request that may make the call */
  tell(event: ApprovalEvent, approval: Approval, usedBy?: string): void
  /** What went wrong with the store. */
  report(problem: string, error: unknown): void
}

const everyMs = 500
const sweepEveryMs = 5000

interface Waiter {
  readonly digest: string
  wanted(): boolean
  look(): void
  /** Ends it without an answer. */
  giveUp(): void
}

export function createDesk({ store, tell, report }: DeskOptions): Approvals {
  const waiting = new Set<Waiter>()
  let looking = false
  let polling: NodeJS.Timeout | undefined

  const tellOver = (over: Approval | undefined) => {
    if (over && over.state !== 'denied') tell('expired', over)
  }

  /** @param request whose call it is */
  const take = async (approval: Approval, request: string, validMs?: number): Promise<ApprovalStatus> => {
    const [standing, over] = await store.take(approval, validMs)
    tellOver(over)
    if (standing.kind === 'pending' && standing.fresh) tell('requested', standing.approval)
    if (standing.kind === 'passed') tell('used', standing.approval, request)
    return standing
  }

  /** One question to the store for all who wait. */
  const lookForAll = async () => {
    for (const waiter of waiting) if (!waiter.wanted()) waiter.giveUp()
    if (looking || waiting.size === 0) return
    looking = true
    try {
      const open = new Set(
        (await store.list()).flatMap(({ state, digest }) => (state === 'pending' ? [digest] : [])),
      )
      for (const waiter of waiting) if (!open.has(waiter.digest)) waiter.look()
    } catch (error) {
      report('approvals cannot be read; waiting requests keep waiting', error)
    } finally {
      looking = false
    }
  }

  const wait = (waiter: Waiter) => {
    waiting.add(waiter)
    polling ??= setInterval(() => void lookForAll(), everyMs)
    polling.unref()
  }
  const leave = (waiter: Waiter) => {
    waiting.delete(waiter)
    if (waiting.size > 0) return
    clearInterval(polling)
    polling = undefined
  }

  const decided = (approval: Approval, request: string, waitMs: number, { wanted, mayPass }: Claimant) =>
    new Promise<Answered | Unanswered>((resolve) => {
      let taking = false
      const end = (how: Answered | Unanswered) => {
        clearTimeout(timer)
        leave(waiter)
        resolve(how)
      }
      const giveUp = () => end({ kind: 'unanswered' })
      const look = async () => {
        if (taking) return
        taking = true
        try {
          if (!mayPass()) return giveUp()
          const standing = await take(approval, request)
          const { kind } = standing
          if (kind === 'passed' || kind === 'denied')
            return end({ kind, id: standing.approval.id, why: standing.approval.why })
          // Another call like this one has had the yes, or it is over.
          if (kind !== 'pending') return end({ kind: 'over' })
        } catch (error) {
          report('an approval cannot be claimed; its tool call keeps waiting', error)
        } finally {
          taking = false
        }
      }
      const waiter: Waiter = {
        digest: approval.digest,
        wanted,
        look: () => void look(),
        giveUp,
      }
      const timer = setTimeout(() => {
        if (!taking) giveUp()
        else setTimeout(giveUp, everyMs)
      }, waitMs)
      wait(waiter)
      // It may have been decided between the question and now.
      void lookForAll()
    })

  store.onNews(() => void lookForAll())
  const sweeping = setInterval(() => {
    store.sweep().then(
      (overs) => overs.forEach(tellOver),
      // It is tried again soon enough, and nothing that is over ever passes.
      () => {},
    )
  }, sweepEveryMs)
  sweeping.unref()

  return {
    async ask(wish, { validMs, shows }) {
      const approval = approvalOf(wish, shows)
      const { request } = wish
      const standing = await take(approval, request, validMs)
      if (standing.kind === 'gone') throw new TypeError('a question was not put')
      if (standing.kind === 'full') return { kind: 'full' }
      const { kind, approval: found } = standing
      if (kind !== 'pending') return { kind, id: found.id, why: found.why }
      return {
        kind,
        id: found.id,
        decided: (waitMs, claimant) => decided(found, request, waitMs, claimant),
      }
    },
    list: async () => (await store.list()).toSorted((a, b) => a.asked - b.asked),
    async decide(id, decision) {
      const result = await store.decide(id, decisionOf(decision))
      if (result.kind === 'done') tell(decision.state, result.approval)
      return result
    },
    close() {
      clearInterval(sweeping)
      for (const waiter of waiting) waiter.giveUp()
      store.close()
    },
  }
}
