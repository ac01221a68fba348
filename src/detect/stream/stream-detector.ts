/**
 * What a window looks for, one kind a file: keys and personal data, links that carry data away, control characters,
 * a planted marker. A stream detector says where something stands and from where on a text may still become something.
 */
import type { Span } from '../../core/text.ts'

/** Code units within which a word says something of what follows it. */
export const contextLength = 80
/** Of what is before a piece, in which a literal may have begun. */
export const maxTriggerLength = 24

/** The parts of `guards.output` that can cut. */
export type Guard = 'secrets' | 'pii' | 'links' | 'controls' | 'canary'

/** What was found, and what is put in its place. */
export interface Match extends Span {
  readonly guard: Guard
  /** What it is: `api-key`, `image`, `escape` … */
  readonly type: string
  /** What stands in its place. */
  readonly put: string
  /** For what may be longer than any window: where it is over in the text that follows, or -1. */
  readonly ends?: (text: string) => number
  /** Whether it may go on in the next of several texts, each a line of it. */
  readonly isOfLines?: true
}

/** Finds one kind of thing in a text that is still being written. */
export interface StreamDetector {
  /**
   * From where on the end of `text` could still grow into something, by its content alone; the text's length if nothing
   * could. May name a place before `from`, from which nothing can be held any more.
   */
  hold(text: string, from: number): number
  /** In any order. Only what ends behind `from` counts. */
  find(text: string, from: number): readonly Match[]
}

/** All that one policy looks for in a response. */
export interface StreamDetectors {
  /** They are shown the text as it came, and without what nobody sees in it (`strip-invisible.ts`). */
  readonly all: readonly StreamDetector[]
  /** Looks for just that. */
  readonly unseen: StreamDetector | undefined
  /** The state of a text that has just begun, or of which `before` is all that is known. */
  begin(before: string): number
  /**
   * Most pieces are asked only this, so it must be cheap: whether nothing begins in the piece, ends in it or waits at its
   * end. @returns the state behind it, or -1: it must be looked at
   */
  pass(state: number, piece: string): number
  /** Whether a literal stands in the text that says that what follows is worth a look. */
  wakes(text: string): boolean
}
