/** Profiles of tools, as the compiled policy has them. */

/** A tool of agents, and what `torwart sandbox` gives it. */
export interface ToolProfile {
  /** Program and arguments; empty: the command line names them. */
  readonly command: readonly string[]
  /** Absolute paths. */
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly timeoutMs: number
}
