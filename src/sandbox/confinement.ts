/** The types of a confined run. */

/** Folders of the host that a command may use, as real absolute paths. */
export interface Folders {
  readonly read: readonly string[]
  readonly write: readonly string[]
}

/** A way to confine a command. */
export interface Confinement {
  readonly name: 'bubblewrap' | 'docker' | 'podman'
  /** Returns the words that run a command confined: a program and its arguments. */
  words(command: readonly string[]): readonly string[]
  /** System call filter, to be written to descriptor 3. */
  readonly filter?: Uint8Array
  /** Words of a program that ends a run, if ending the first program does not. */
  readonly stop?: readonly string[]
  /** Whether the memory of all processes together is bounded by what confines. */
  readonly boundsMemory: boolean
}

/** Says why a command cannot be run confined. It was not run. */
export class SandboxProblem extends Error {}
