/** Operations that are asked for in the same turn of the event loop, sent together. */
import type { Operation, RunOperations } from './scripts.ts'

/** Operations that are sent together. What is answered rejects with whatever Redis or the connection says. */
export interface Batch {
  /** Sent at the end of this turn, behind everything that rides. */
  ask(operation: Operation): Promise<readonly number[]>
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
    for (let at = 0; at < all.length; at += max) send(all.slice(at, at + max))
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
    ride(operation) {
      cancellation ??= setTimeout(flush, rideMs)
      return board(operation)
    },
    flush,
  }
}
