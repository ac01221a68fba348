/** What of a role only observes, beside its guards. */

/** Modes of a role, and the share of its keys for which they are others. */
export interface Observing<Role> {
  /** Whether its own limits and breaker only tell what they would refuse. Those that others share are enforced. */
  readonly observesLimits: boolean
  /** Whether the tool gate only tells what it would refuse. */
  readonly observesTools: boolean
  /** The share of its keys, of 1, for which the other role applies, in which nothing only observes. */
  readonly canary: { readonly share: number; readonly role: Role } | undefined
}
