/**
 * What follows finished requests: baselines, traces, the live view. Told when the record is written, never before, so
 * nothing is shown that is not on record.
 */
import type { RecordedText, RequestRecord, UnplacedContent } from '../../audit/write/record.ts'
import { describeError } from '../../core/refusal.ts'
import type { Log } from '../../telemetry/log.ts'
import type { RequestContext } from '../context.ts'
import type { Ending } from '../ending.ts'

/** A request that is over and on record. Observers must not change it, nor keep `context` or `content`: both hold bodies. */
export interface SettledRequest {
  readonly record: RequestRecord
  /** Its `time`, in epoch milliseconds. */
  readonly endedAtMs: number
  readonly content: UnplacedContent
  /** The texts of the prompt, as they were written: `content.prompt` must not be called again. */
  written(): readonly RecordedText[]
  readonly context: RequestContext
  readonly ending: Ending
}

/** Takes what it needs and returns; work for later goes into a queue of its own, with a bound. */
export type RequestObserver = (settled: SettledRequest) => void

/** The observers of a gateway. One that throws stops neither the request nor the others. */
export class RequestObservers {
  readonly #observers = new Set<RequestObserver>()
  readonly #log: Pick<Log, 'error'>

  constructor(log: Pick<Log, 'error'>) {
    this.#log = log
  }

  /** Adds an observer; returns what removes it. */
  add(observer: RequestObserver): () => void {
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  /** Tells all observers. Does not throw. */
  tell(settled: SettledRequest): void {
    for (const observer of this.#observers) {
      try {
        observer(settled)
      } catch (error) {
        this.#log.error(
          { id: settled.record.id, cause: describeError(error) },
          'an observer of requests failed',
        )
      }
    }
  }
}
