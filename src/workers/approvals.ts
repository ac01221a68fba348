/** Approvals and tool calls of several workers without Redis: the primary keeps them, so that a yes is used once. */
import type { Approval, Decision } from '../approvals/approval.ts'
import type { ApprovalStatus, ApprovalStore, Decided } from '../approvals/store.ts'
import type { SharedToolCalls } from '../tool-policy/calls/shared.ts'
import { answerTimeoutMs, type Channel, type Handlers } from './channel.ts'

/** Makes the store of a worker. */
export function createRemoteApprovals(channel: Channel): ApprovalStore {
  const listeners: (() => void)[] = []
  channel.answer({
    'approvals.news': () => {
      for (const tell of listeners) tell()
    },
  })
  return {
    take: (approval, validMs) =>
      channel
        .ask<readonly [ApprovalStatus, Approval | null]>(
          'approvals.take',
          [approval, validMs ?? null],
          answerTimeoutMs,
        )
        .then(([status, over]) => [status, over ?? undefined]),
    decide: (id, decision) => channel.ask<Decided>('approvals.decide', [id, decision], answerTimeoutMs),
    list: () => channel.ask<readonly Approval[]>('approvals.list', [], answerTimeoutMs),
    sweep: () => channel.ask<readonly Approval[]>('approvals.sweep', [], answerTimeoutMs),
    onNews: (listener) => void listeners.push(listener),
    close() {},
  }
}

/** What the primary answers about approvals. */
export function serveApprovals(store: ApprovalStore): Handlers {
  return {
    'approvals.take': (approval: Approval, validMs: number | null) =>
      store.take(approval, validMs ?? undefined),
    'approvals.decide': (id: string, decision: Decision) => store.decide(id, decision),
    'approvals.list': () => store.list(),
    'approvals.sweep': () => store.sweep(),
  }
}

/** Makes the way of a worker to the tool calls of all workers. */
export function createRemoteToolCalls(channel: Channel): SharedToolCalls {
  return {
    note: (owner, marks) => channel.ask('calls.note', [owner, marks], answerTimeoutMs),
    known: (owner, marks) => channel.ask('calls.known', [owner, marks], answerTimeoutMs),
  }
}

/** What the primary answers about tool calls. */
export function serveToolCalls(calls: SharedToolCalls): Handlers {
  return {
    'calls.note': (owner: string, marks: readonly string[]) => calls.note(owner, marks),
    'calls.known': (owner: string, marks: readonly string[]) => calls.known(owner, marks),
  }
}
