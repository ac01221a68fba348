/** What the worker tells of a text. */
import type { Finding, Span } from '../../core/text.ts'
import type { MaskedSpan } from '../../detect/sensitive/finder.ts'
import type { DisguiseName } from './disguise-names.ts'
import type { Layout } from './layout.ts'

/** A stretch of the text and what the scanner read in its place; both may be cut. */
export interface Undone extends Span {
  readonly name: DisguiseName
  readonly from: string
  readonly to: string
}

/** A reading of the text without some disguises. */
export interface ShownReading {
  readonly names: readonly DisguiseName[]
  /** What the scanner read: around what it found there, or the beginning. */
  readonly text: string
  readonly isCut: boolean
  readonly undone: readonly Undone[]
  /** Stretches that are not in `undone`. */
  readonly more: number
  /** Ids of findings that no earlier reading showed. */
  readonly found: readonly string[]
}

/** What is known of a text. */
export interface Analysis {
  readonly findings: readonly Finding[]
  readonly readings: readonly ShownReading[]
  /** Readings that are not in `readings`. */
  readonly moreReadings: number
  readonly spans: readonly MaskedSpan[]
  readonly masked: string
}

/** An analysis, made ready to be shown. */
export interface Result extends Analysis {
  readonly id: number
  readonly layout: Layout
  /** Milliseconds that it took, pauses included. */
  readonly tookMs: number
}
