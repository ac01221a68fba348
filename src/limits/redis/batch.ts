/** Operations that are asked for in the same turn of the event loop, sent together. */
import type { Operation, RunOperations } from './scripts.ts'

/** Operations that are sent together. What is answered rejects with whatever Redis or the connection says. */
export interface Batch {
  /** Sent at the end of this turn, behind everything that rides. */
  ask(operation: Operation): Promise<readonly number[]>
  /** As `ask`, for two in one script; the second is carried out only if the first answers 0. */
  askBoth(first: Operation, second: Operation): Promise<readonly [readonly number[], readonly number[]]>
  /** Nobody waits for it: sent with the next question, or alone after a while. */
  ride(operation: Operation): Promise<readonly number[]>
  /** Sends what rides, now. */
  flush(): void
}

interface Passenger {
  readonly operation: Operation
  resolve(answer: readonly number[]): void
  reject(error: unknown): void
}

/** How long what nobody waits for may wait for company. */
const rideMs = 5
/** Of one batch; Redis does nothing else meanwhile. */
const max = 64

/** Holds no operation yet. */
export function createBatch(run: RunOperations): Batch {
  let waiting: Passenger[] = []
  let turn: NodeJS.Immediate | undefined
  let cancellation: NodeJS.Timeout | undefined

  const flush = () => {
    clearImmediate(turn)
    clearTimeout(cancellation)
    turn = undefined
    cancellation = undefined
    const all = waiting
    waiting = []
    for (let at = 0; at < all.length; ) {
      // What follows must be in the same script as what it follows.
      const end = all[at + max]?.operation.follows ? at + max - 1 : at + max
      send(all.slice(at, end))
      at = end
    }
  }
  const send = (passengers: readonly Passenger[]) => {
    run(passengers.map(({ operation }) => operation)).then(
      (answers) => {
        for (const [index, { resolve }] of passengers.entries()) resolve(answers[index] ?? [])
      },
      (error: unknown) => {
        for (const { reject } of passengers) reject(error)
      },
    )
  }
  const board = (operation: Operation) =>
    new Promise<readonly number[]>((resolve, reject) => {
      waiting.push({ operation, resolve, reject })
    })

  return {
    ask(operation) {
      turn ??= setImmediate(flush)
      return board(operation)
    },
    askBoth(first, second) {
      turn ??= setImmediate(flush)
      return Promise.all([board(first), board({ ...second, follows: true })])
    },
    ride(operation) {
      cancellation ??= setTimeout(flush, rideMs)
      return board(operation)
    },
    flush,
  }
}
