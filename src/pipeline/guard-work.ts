/**
 * What the guards do for one request, counted in units of work, and what they may do at most. One unit is about what
 * reading one UTF-16 code unit of plain text takes; a text in disguise takes many for each of its own. Units and not
 * time, so that a request is refused or not whatever else the machine is doing.
 */
import { Refusal } from '../core/refusal.ts'

/** Stops now and then and yields the work it has done since it last did; in the end, what was found. */
export type GuardSteps<T> = Generator<number, T>

/** Counts the work of the guards for one request. */
export class GuardWork {
  readonly #budget: number
  /** Done so far. */
  units = 0
  /** How long it took, without waiting for a turn. */
  ms = 0

  constructor(budget: number) {
    this.#budget = budget
  }

  /** @throws Refusal `too_much_to_scan`: what is not read is not passed on */
  spend(units: number): void {
    this.units += units
    if (this.units > this.#budget) throw new Refusal('too_much_to_scan')
  }
}
