/**
 * What is said of one tool call of an answer before the client sees it. Who judges is in `pipeline/`; what a dialect
 * makes of it (a call taken out, an error frame, a stream that waits) is in its answer reader.
 */
import type { Refusal } from '../../core/refusal.ts'
import type { ToolCall } from '../dialect.ts'

export type CallVerdict =
  | { readonly kind: 'pass' }
  /** Taken out of the answer; `note` is what the client reads in its place. */
  | { readonly kind: 'strip'; readonly note: string }
  /** The answer ends here, in the dialect's way. */
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  /** A human is asked. The stream waits for what `decided` says: `pass`, or `refuse`. Never rejects. */
  | {
      readonly kind: 'wait'
      readonly note: string
      readonly decided: Promise<CallVerdict>
      /** Nobody can be kept waiting: the note stands in the call's place. */
      abandon?(): void
    }

/**
 * Judges calls in the order in which the answer makes them, each once, when its arguments are complete.
 * @param place `text`: where it stands nobody can be waited for, so no human is asked and no yes is used up
 */
export type JudgeCall = (call: ToolCall, place?: 'text') => CallVerdict | Promise<CallVerdict>

/** What a client reads in the place of a call in a text that would have to wait. */
export const undecidedCallNote =
  'A tool call in the text was taken out: it needs a decision that a text cannot wait for.'
