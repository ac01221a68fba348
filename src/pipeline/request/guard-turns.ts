/**
 * Who may use the one thread when guards have much to read: a slice each in turn, fair between callers, however many
 * requests one of them has. Between two slices everything else of the gate goes on. What is short is read at once: a
 * caller that asks little never stands behind one that asks much.
 */
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'
import { FairQueue } from '../../upstreams/fair-queue.ts'
import type { Cancellation } from '../cancellation.ts'
import type { GuardSteps, GuardWork } from '../guard-work.ts'

/** For whom something is read. */
export interface Reader {
  /** Between owners the turns are fair. */
  readonly owner: string
  readonly work: GuardWork
  readonly cancellation: Cancellation
}

/** Shares the thread between readers. */
export interface GuardTurns {
  /**
   * Carries the steps out and charges their work.
   * @throws Refusal `too_much_to_scan`, or whatever ended the request meanwhile
   */
  run<T>(steps: GuardSteps<T>, reader: Reader): Promise<T>
}

/** A slice is over after so much work or so long, whichever comes first; a single step may go over it. */
const sliceUnits = 32_768
const sliceMs = 1
/**
 * Who has had so much already leaves the thread idle for twice as long as it used it: whatever else goes on takes several
 * short steps, and would stand behind a slice at each of them.
 */
const muchUnits = 1_000_000
const restShare = 2

interface Job {
  readonly owner: string
  readonly work: GuardWork
  /** Reads one slice. @returns whether that was the last; never throws */
  slice(): boolean
}

/** Makes the one queue of a gateway. */
export function createGuardTurns(clock: Clock): GuardTurns {
  const waiting = new FairQueue<Job>()
  let isTurning = false

  const turn = async () => {
    isTurning = true
    for (;;) {
      // Whatever came in meanwhile goes first.
      await setImmediate()
      const job = waiting.next(({ work }) => work.units < muchUnits) ?? waiting.next(() => true)
      if (!job) break
      const begunMs = clock.monotonicMs()
      if (!job.slice()) waiting.add(job.owner, job)
      if (job.work.units >= muchUnits) await setTimeout(restShare * (clock.monotonicMs() - begunMs))
    }
    isTurning = false
  }

  return {
    run(steps, { owner, work, cancellation }) {
      return new Promise((resolve, reject) => {
        const read = (): boolean => {
          cancellation.throwIfOver()
          const begunMs = clock.monotonicMs()
          const units = work.units + sliceUnits
          try {
            do {
              const { done, value } = steps.next()
              if (done) {
                resolve(value)
                return true
              }
              work.spend(value)
            } while (work.units < units && clock.monotonicMs() - begunMs < sliceMs)
          } finally {
            work.ms += clock.monotonicMs() - begunMs
          }
          return false
        }
        const slice = () => {
          try {
            return read()
          } catch (error) {
            reject(error)
            return true
          }
        }
        if (slice()) return
        waiting.add(owner, { owner, work, slice })
        if (!isTurning) void turn()
      })
    },
  }
}
