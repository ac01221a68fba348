/** Which part of a gateway this process is: all of it, the primary of several workers, or one of them. */
import type { InheritedSockets } from '../http/sockets/inherited.ts'
import { type Channel, openChannel, type Port } from '../workers/channel.ts'
import type { WorkerHost } from '../workers/supervisor.ts'

/** A worker's connection to the primary that forked it. */
export interface ParentPort extends Port {
  /** Ends the connection, so that this process can end. */
  leave(): void
  /** The number of this worker, from 1. */
  readonly worker: number
}

/** The other processes of a gateway, as the program knows them. */
export interface Processes {
  /** Forks workers; absent: this process serves alone, whatever the policy says. */
  readonly host?: WorkerHost | undefined
  /** Set in a worker. */
  readonly parent?: ParentPort | undefined
  /** Listening sockets that this process was started with. */
  readonly sockets?: InheritedSockets
  /** Set in a gateway that takes over from the one that started it. */
  readonly predecessor?: Predecessor | undefined
  /** Starts this program anew, with the listening sockets of this process; absent: it cannot be upgraded as it runs. */
  startSuccessor?(sockets: Required<InheritedSockets>): Successor
}

/** The gateway that this one takes over from. */
export interface Predecessor extends Port {
  /** Called once, when it is gone. */
  onGone(listener: () => void): void
}

/** The gateway that takes over from this one. */
export interface Successor extends Port {
  readonly pid: number | undefined
  /** Ends it at once. */
  kill(): void
  /** Called once, when it is gone. */
  onExit(listener: () => void): void
  /** Ends the connection, so that this process can end. */
  leave(): void
}

/** The part of a gateway that this process is. */
export type Part =
  | { readonly kind: 'alone' }
  | { readonly kind: 'primary'; readonly host: WorkerHost; readonly workers: number }
  | {
      readonly kind: 'worker'
      readonly worker: number
      readonly workers: number
      readonly channel: Channel
    }

/** @param workers how many the policy asks for */
export function partOf({ host, parent }: Processes, workers: number): Part {
  if (parent) return { kind: 'worker', worker: parent.worker, workers, channel: openChannel(parent, {}) }
  return host && workers > 1 ? { kind: 'primary', host, workers } : { kind: 'alone' }
}
