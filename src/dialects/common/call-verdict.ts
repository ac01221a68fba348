/**
 * The verdict on one tool call before the client sees it. `pipeline/` judges; the dialect's response reader acts on the
 * verdict: it removes the call, ends the stream with an error, or waits.
 */
import type { Refusal } from '../../core/refusal.ts'
import type { ToolCall } from '../dialect.ts'

/** What becomes of a tool call. */
export type CallVerdict =
  | { readonly kind: 'pass' }
  /** The call is removed; the client reads `note` in its place. */
  | { readonly kind: 'strip'; readonly note: string }
  /** The response ends with this error. */
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  /** A human decides. The stream waits for `decided`, which never rejects. */
  | {
      readonly kind: 'wait'
      readonly note: string
      readonly decided: Promise<CallVerdict>
      /** Called if the response cannot wait, so that the note replaces the call. */
      abandon?(): void
    }

/**
 * Judges the calls of a response in order, each once, when its arguments are complete.
 * @param place `text` for a call inside a text, which cannot wait: no human is asked, and no approval is used up
 */
export type JudgeCall = (call: ToolCall, place?: 'text') => CallVerdict | Promise<CallVerdict>

/** Replaces a call in a text that would need an approval. */
export const undecidedCallNote =
  'A tool call in the text was removed: it needs an approval, and a text cannot wait for one.'
