/** The handle of a started gateway, or of the part of it that this process is. */

/** A gateway that listens. */
export interface Gateway {
  /** URLs of the two listeners; a worker has no admin listener. */
  readonly data: string
  readonly admin: string
  /** Makes a link that signs in to the console once, as administrator, for ten minutes; undefined: there is no console. */
  makeSignInLink(): string | undefined
  /** Resolves when the primary tells this worker to stop; never for others. */
  readonly told: Promise<void>
  /** Starts the program anew, and leaves everything to it. Does not throw: what fails is logged, and this gateway serves on. */
  upgrade(): void
  /** Resolves when that gateway accepts the connections: this one is to be closed. */
  readonly replaced: Promise<void>
  /** Reads policy and keys again. */
  reload(): void
  /** Gives `shutdown.notice`, lets running requests finish for as long as `shutdown.grace` says, then cuts them. */
  close(): Promise<void>
  /** Ends notice and grace, now or when they begin. */
  hurry(): void
}
