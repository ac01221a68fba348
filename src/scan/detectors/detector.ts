/** What finds one kind of personal data or secret. */
import type { Span } from '../../core/text.ts'
import { type NumberRun, numberRuns } from './number-runs.ts'

export const digits: readonly string[] = [...'0123456789']

export interface Detector {
  /** Stands in the mask (`<email:1>`) and in findings. */
  readonly type: string
  /** Without one of these in the text there is nothing to find, so nobody looks. */
  readonly triggers: readonly string[]
  /** Linear in the text. Spans in any order; they may overlap. */
  find(sample: Sample): Span[]
}

/** A text and what several detectors want to know of it, found out once. */
export class Sample {
  readonly text: string
  #runs: readonly NumberRun[] | undefined

  constructor(text: string) {
    this.text = text
  }

  get numberRuns(): readonly NumberRun[] {
    this.#runs ??= numberRuns(this.text)
    return this.#runs
  }
}

/** A detector that is a regular expression and a check. The expression must be linear: bounded repetitions only. */
export function patternDetector(
  type: string,
  triggers: readonly string[],
  pattern: RegExp,
  accept: (match: RegExpExecArray) => Span | undefined = whole,
): Detector {
  return {
    type,
    triggers,
    find({ text }) {
      const spans: Span[] = []
      // Not `matchAll`, which compiles a copy of the pattern for every text.
      pattern.lastIndex = 0
      for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
        const span = accept(match)
        if (span) spans.push(span)
      }
      return spans
    },
  }
}

/** One that needs a number of at least so many digits. */
export function numberDetector(
  type: string,
  fewestDigits: number,
  pattern: RegExp,
  accept?: (match: RegExpExecArray) => Span | undefined,
): Detector {
  const detector = patternDetector(type, digits, pattern, accept)
  return {
    type,
    triggers: digits,
    find: (sample) =>
      sample.numberRuns.some((run) => run.digits.length >= fewestDigits) ? detector.find(sample) : [],
  }
}

export function whole(match: RegExpExecArray): Span {
  return { start: match.index, end: match.index + match[0].length }
}
