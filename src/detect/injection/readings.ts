/**
 * What the scanner reads a text as: for people who want to see a disguise undone. Nobody observes on the request path.
 */
import type { Span } from '../../core/text.ts'
import type { Evidence } from './evidence.ts'
import type { Edit, TextView } from './text-view.ts'

/** Ways to disguise a text, named by the step that undoes them. */
export type Disguise =
  | 'invisible'
  | 'escaping'
  | 'markup'
  | 'spacing'
  | 'encoding'
  | 'misspelling'
  | 'lookAlike'
  | 'upsideDown'
  | 'rot13'
  | 'backwards'
  | 'pigLatin'

/** A stretch of the original text, and what the scanner reads in its place. */
export interface UndoneStretch extends Edit {
  readonly disguise: Disguise
}

/** A text in which one or more disguises are undone. */
export interface Reading {
  readonly disguises: readonly Disguise[]
  readonly view: TextView
  /** Where single stretches were replaced; empty if the whole text was. */
  readonly stretches: readonly UndoneStretch[]
}

/** Is told what the scanner does, in the order in which it does it. */
export interface ScanObserver {
  /** A slice of the text is read as it came. */
  slice(): void
  /** The next findings come from this reading. */
  reading(reading: Reading): void
  /** Something was found that no earlier reading of the slice showed. `place` is in the original text. */
  found(id: string, place: Span): void
}

/** Returns evidence that tells the observer what is new in it. */
export function observed(evidence: Evidence, observer: ScanObserver): Evidence {
  return {
    ...evidence,
    add(signature, place, isMentioned) {
      const isNew = evidence.add(signature, place, isMentioned)
      if (isNew) observer.found(signature.id, place)
      return isNew
    },
  }
}

/** @param groups edits by the disguise that they undo, in places of `before` */
export function stretchesOf(
  before: TextView,
  groups: Partial<Readonly<Record<Disguise, readonly Edit[]>>>,
): UndoneStretch[] {
  return (Object.entries(groups) as [Disguise, readonly Edit[]][]).flatMap(([disguise, edits]) =>
    edits.map((edit) => ({ disguise, text: edit.text, ...before.original(edit) })),
  )
}
