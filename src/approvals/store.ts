/**
 * Where questions to humans are kept: in memory with a file (`memory.ts`), or in Redis for several gateways
 * (`redis.ts`). Every operation is one step that nothing comes between, so a yes is never taken twice.
 */
import type { Approval, Decision } from './approval.ts'

/** How it stands with a call. */
export type ApprovalStatus =
  /** There was a yes, and it is used up now. */
  | { readonly kind: 'passed'; readonly approval: Approval }
  | { readonly kind: 'denied'; readonly approval: Approval }
  /** A human has not answered. `fresh`: it was not asked before. */
  | { readonly kind: 'pending'; readonly approval: Approval; readonly fresh: boolean }
  /** Nobody has asked, or what was asked is over. */
  | { readonly kind: 'gone' }
  /** Too many wait already. */
  | { readonly kind: 'full' }

/** What became of a decision. */
export type Decided =
  | { readonly kind: 'done'; readonly approval: Approval }
  /** There is none of this id, or not any more. */
  | { readonly kind: 'unknown' }
  /** Somebody else was faster. */
  | { readonly kind: 'decided' }

/**
 * Keeps questions and their answers. @throws whatever keeps the store from being asked, as all of its operations
 * do
 */
export interface ApprovalStore {
  /**
   * Takes the yes to this call, if there is one; else puts the question, if `validMs` says for how long.
   * @returns with what was found to be over meanwhile
   */
  take(
    approval: Approval,
    validMs: number | undefined,
  ): Promise<readonly [ApprovalStatus, Approval | undefined]>
  decide(id: string, decision: Decision): Promise<Decided>
  /** All that are not over. */
  list(): Promise<readonly Approval[]>
  /** Forgets what is over. @returns it, to one gateway only */
  sweep(): Promise<readonly Approval[]>
  /** Calls back soon after somebody decided, here or elsewhere; as long as the connection holds. */
  onNews(listener: () => void): void
  close(): void
}

/** Questions at the same time: of all, and of one key with all its tokens, or there would be as many as it makes tokens. */
export const maxApprovals = 512

/** As `maxApprovals`, of one key. */
export const maxEach = 16
