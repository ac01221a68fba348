/** How what a gateway counts and is asked goes over to the one that takes its place. */
import type { FileApprovals } from '../approvals/memory.ts'
import type { SwitchedApprovals } from '../approvals/switched.ts'
import type { SavableStore, SavedLimits } from '../limits/memory/memory.ts'
import type { SwitchedStore } from '../limits/switched.ts'
import type { SavableResponses, SavedResponses } from '../pipeline/stored-responses.ts'
import { createRemoteApprovals, serveApprovals } from '../workers/approvals.ts'
import type { Channel, Handlers } from '../workers/channel.ts'
import { createRemoteStore, serveLimits } from '../workers/limits.ts'

/** What a gateway knows that the next one must not begin anew with. JSON. */
export interface SavedState {
  readonly limits: SavedLimits
  readonly responses: SavedResponses
}

/** How the state goes from a gateway to the one that takes over from it. */
export interface Succession {
  /**
   * Leaves the state to the next gateway: what this one asks and counts from now on, it does there.
   * @returns what is known until now, and in no file
   */
  leaveTo(channel: Channel): SavedState
  /** Keeps the state here again: the next gateway is gone. */
  takeBack(): void
  restore(saved: SavedState): void
  /**
   * Answers the gateway before, which finishes its requests.
   * @param restored resolves when what it has saved counts here
   * @returns what ends that
   */
  serve(channel: Channel, restored: Promise<void>): () => void
}

/** Where the state is kept. */
export interface Kept {
  readonly memory: SavableStore
  /** Undefined: approvals are in Redis. */
  readonly inFile: FileApprovals | undefined
  readonly responses: SavableResponses
}

/** What asks there, or elsewhere. */
export interface Switched {
  readonly limits: SwitchedStore
  readonly approvals: SwitchedApprovals
}

/** Makes what hands the state over. */
export function successionOf(
  { memory, inFile, responses }: Kept,
  { limits, approvals }: Switched,
): Succession {
  return {
    leaveTo(channel) {
      // In one turn of the event loop: nothing comes between what is saved and what is asked elsewhere.
      const saved = { limits: memory.save(), responses: responses.save() }
      limits.switchTo(createRemoteStore(channel))
      if (inFile) approvals.switchTo(createRemoteApprovals(channel))
      void memory.leaveFile()
      return saved
    },
    takeBack() {
      memory.takeFileBack()
      limits.switchTo(memory)
      if (!inFile) return
      inFile.readAgain()
      approvals.switchTo(inFile)
    },
    restore(saved) {
      memory.restore(saved.limits)
      responses.restore(saved.responses)
      inFile?.readAgain()
    },
    serve(channel, restored) {
      // What the gateway before has settled has been heard: it is one process, and messages keep their order.
      const { handlers, release } = serveLimits(limits, async () => {})
      channel.answer(after(restored, { ...handlers, ...serveApprovals(approvals) }))
      approvals.onNews(() => channel.tell('approvals.news', []))
      return release
    },
  }
}

/** Has questions wait. */
function after(ready: Promise<void>, handlers: Handlers): Handlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async (...values: never[]) => {
        await ready
        return handler(...values)
      },
    ]),
  )
}
