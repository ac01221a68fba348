/** The states of a relay, and the only place where one follows another. */
import type { RelayOutcome } from './relay-types.ts'

/**
 * How far a relay is:
 * - `waiting` for the model server to begin its response,
 * - `failing`: it answers with an error, of which the beginning is read,
 * - `streaming`: frames pass,
 * - `holding`: a long frame is read ahead, in turns with other requests; frames behind it queue up,
 * - `asking`: tool calls are judged, perhaps by a human; frames behind them queue up,
 * - `ending`: it is decided how the response ends, and its last bytes wait for the record,
 * - `ended`.
 */
export type RelayState = 'waiting' | 'failing' | 'streaming' | 'holding' | 'asking' | 'ending' | 'ended'

/** Which state may follow which; anything else is a fault of ours. */
const next: Readonly<Record<RelayState, readonly RelayState[]>> = {
  waiting: ['failing', 'streaming', 'ending', 'ended'],
  failing: ['ending', 'ended'],
  streaming: ['holding', 'asking', 'ending', 'ended'],
  holding: ['streaming', 'ending', 'ended'],
  asking: ['streaming', 'ending', 'ended'],
  ending: ['ended'],
  ended: [],
}

/** The state of one relay, and what was decided about its end. */
export class RelayStates {
  /** Resolves when it is decided how the response ends; never rejects. */
  readonly outcome: Promise<RelayOutcome>
  #resolve: (outcome: RelayOutcome) => void = () => {}
  #state: RelayState = 'waiting'
  #outcome: RelayOutcome | undefined

  constructor() {
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get current(): RelayState {
    return this.#state
  }

  /** Whether it is decided how the response ends. */
  get isOver(): boolean {
    return this.#state === 'ending' || this.#state === 'ended'
  }

  /** Whether frames queue up behind something that is worked on. */
  get isHolding(): boolean {
    return this.#state === 'holding' || this.#state === 'asking'
  }

  /** @throws TypeError if the state may not follow */
  enter(state: Exclude<RelayState, 'ending'>): void {
    this.#enter(state)
  }

  /** Decides how the response ends: it has begun, or is complete, and its last bytes wait. */
  conclude(outcome: RelayOutcome): void {
    this.#enter('ending')
    this.#outcome = outcome
    this.#resolve(outcome)
  }

  /** Decides that nothing of the response is sent. */
  giveUp(outcome: RelayOutcome): void {
    this.#enter('ended')
    this.#resolve(outcome)
  }

  /** What was decided, while it may still be changed. @throws TypeError in any other state than `ending` */
  get pending(): RelayOutcome {
    if (this.#state !== 'ending' || !this.#outcome)
      throw new TypeError(`a relay that is ${this.#state} has no ending`)
    return this.#outcome
  }

  /** Changes what was decided. @throws TypeError in any other state than `ending` */
  revise(change: Partial<RelayOutcome>): RelayOutcome {
    this.#outcome = { ...this.pending, ...change }
    return this.#outcome
  }

  #enter(state: RelayState): void {
    if (!next[this.#state].includes(state))
      throw new TypeError(`a relay cannot go from ${this.#state} to ${state}`)
    this.#state = state
  }
}
