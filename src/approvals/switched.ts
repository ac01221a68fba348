/** A store of approvals behind which another one can be put, while questions wait. */
import type { ApprovalStore } from './store.ts'

/** A store that asks another one. */
export interface SwitchedApprovals extends ApprovalStore {
  /** Asks this one from now on. The one before is not closed. */
  switchTo(store: ApprovalStore): void
}

/** @param first asked until another one is put in its place */
export function createSwitchedApprovals(first: ApprovalStore): SwitchedApprovals {
  const listeners: (() => void)[] = []
  const tellAll = () => {
    for (const tell of listeners) tell()
  }
  let current = first
  first.onNews(tellAll)
  return {
    switchTo(store) {
      current = store
      store.onNews(tellAll)
      // Who waits for an answer may have missed it between the two.
      tellAll()
    },
    take: (approval, validMs) => current.take(approval, validMs),
    decide: (id, decision) => current.decide(id, decision),
    list: () => current.list(),
    sweep: () => current.sweep(),
    onNews: (listener) => void listeners.push(listener),
    close: () => current.close(),
  }
}
