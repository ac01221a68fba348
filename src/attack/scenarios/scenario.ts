/** What a scenario is: one of the accidents that can be played, without a gateway and behind one. */
import type { Side } from './side.ts'

/** A story that ends badly without a gateway. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** What it is about, in a few sentences. */
  readonly story: string
  /** What of its policy changes the end. */
  readonly lesson: string
  /** Plays it. @returns the damage that was measured, in words */
  play(side: Side): Promise<string>
}
