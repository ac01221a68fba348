/** Settings of what people are told, and asked. */

/** A human's yes for tool calls. */
export interface ApprovalSettings {
  /** 0: nobody waits. */
  readonly waitMs: number
  readonly validMs: number
  /** Names of roles and keys; empty: whoever holds the admin token. */
  readonly approvers: ReadonlySet<string>
  /** What approvers see of arguments. */
  readonly arguments: 'masked' | 'plain'
  /** Whether the caller reads why a human said no. */
  readonly tellWhy: boolean
  readonly webhook: { readonly url: string; readonly secret: string } | undefined
}

/** What happens when a key or a model does what it usually does not. */
export interface AnomalySettings {
  readonly mode: 'off' | 'observe' | 'alert' | 'freeze'
  /** Budget of false alarms a week. */
  readonly perWeek: number
  readonly webhook: { readonly url: string; readonly secret: string } | undefined
  /** How long `freeze` freezes a key. */
  readonly freezeForMs: number
}
