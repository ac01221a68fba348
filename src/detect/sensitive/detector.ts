/**
 * What finds one kind of personal data or secret.
 *
 * Detectors also guard streams, from which nothing can be taken back. So each says how long what it finds can be, looks
 * for context only in front of a value, and behind one at no more than the next `glance` units.
 */
import type { Span } from '../../core/text.ts'
import { codes } from './codes.ts'
import { type NumberRun, numberRuns } from './number-runs.ts'

/** The triggers of all that is made of digits. */
export const digits: readonly string[] = [...'0123456789']

/** Units in front of a value that may decide about it: "SSN:", "password =". */
export const reach = 64
/** Units behind a value that may decide about it. */
export const glance = 2

/** Units of the end of a text in which a value with blanks may have begun. */
export const maxOpenLength = 240

/** Finds one kind of personal data or secret. */
export interface Detector {
  /** Stands in the mask (`<email:1>`) and in findings. */
  readonly type: string
  /** Without one of these in the text there is nothing to find, so nobody looks. */
  readonly triggers: readonly string[]
  /**
   * UTF-16 units (at most 512) of the longest match, or how one without a limit opens and closes. What a name tells may
   * go on beyond it, to where its word ends.
   */
  readonly maxLength: number | Long
  /**
   * Linear in the text. Spans in any order; they may overlap.
   * @param places the index behind each occurrence of a trigger, in order; only for those that set `placed`
   */
  find(sample: Sample, places: readonly number[]): Span[]
  /** Whether it looks at every text: what it finds has no trigger. */
  readonly always?: true
  /**
   * For values with blanks in them, in a stream: from where on the end of a text may be the beginning of one, as far as
   * the last `maxOpenLength` units tell; the text's length if nothing has begun.
   */
  hold?(text: string): number
  /** Whether it looks only where its triggers stand. */
  readonly placed?: true
  /** Whether those of its triggers that begin with a letter or digit count only where a word of these begins. */
  readonly atWords?: true
}

/** A kind whose values have no greatest length. A stream holds what follows an opening until it closes. */
export interface Long {
  /** Sticky: matches at the first unit of a value, as soon as it can be told from others, within 256 units. */
  readonly opens: RegExp
  /** Global: the value ends where its first match behind the opening ends; without one it lasts to the text's end. */
  readonly closes: RegExp
}

/** A text and what several detectors want to know of it, found out once. */
export class Sample {
  readonly text: string
  #runs: readonly NumberRun[] | undefined
  #codes: readonly Span[] | undefined

  constructor(text: string) {
    this.text = text
  }

  get numberRuns(): readonly NumberRun[] {
    this.#runs ??= numberRuns(this.text)
    return this.#runs
  }

  /** Words of letters and digits, 9 to 106 units long, that hold a digit. */
  get codes(): readonly Span[] {
    this.#codes ??= codes(this.text)
    return this.#codes
  }

  /** What stands in front of `at`, as far as a detector may look. */
  before(at: number): string {
    return this.text.slice(Math.max(0, at - reach), at)
  }
}

/** Judges a match: which part of it is the value, or undefined if it is none. */
export type Accept = (match: RegExpExecArray, sample: Sample) => Span | undefined

/** A regular expression and how its matches are judged. */
export interface Pattern {
  readonly type: string
  readonly maxLength: number
  readonly triggers: readonly string[]
  /** Global and linear: bounded repetitions only. */
  readonly pattern: RegExp
  readonly accept?: Accept
  /** It begins where a word does, and what it swallows may hold the beginning of another one. */
  readonly greedy?: true
}

/** A detector that is a regular expression and a check. */
export function patternDetector(parts: Pattern): Detector {
  const { type, maxLength, triggers, pattern, accept = whole, greedy } = parts
  return {
    type,
    maxLength,
    triggers,
    find(sample) {
      const spans: Span[] = []
      // Not `matchAll`, which compiles a copy of the pattern for every text.
      pattern.lastIndex = 0
      for (let match = pattern.exec(sample.text); match; match = pattern.exec(sample.text)) {
        const span = accept(match, sample)
        if (span) spans.push(span)
        // Linear all the same: no match is longer than `maxLength`.
        if (greedy) pattern.lastIndex = span ? span.end : match.index + 1
      }
      return spans
    },
  }
}

/**
 * One that looks at words of letters and digits.
 * @param pattern the whole word
 */
export function codeDetector({ type, lengths, pattern, accept }: Code): Detector {
  const [shortest, maxLength] = lengths
  return {
    type,
    maxLength,
    triggers: digits,
    find(sample) {
      const spans: Span[] = []
      for (const span of sample.codes) {
        const length = span.end - span.start
        if (length < shortest || length > maxLength) continue
        const word = sample.text.slice(span.start, span.end)
        if (pattern.test(word) && accept(word, sample, span.start)) spans.push(span)
      }
      return spans
    },
  }
}

/** A kind of word of letters and digits, and how one is judged. */
export interface Code {
  readonly type: string
  /** Of the shortest and of the longest. */
  readonly lengths: readonly [number, number]
  /** Not global. */
  readonly pattern: RegExp
  accept(word: string, sample: Sample, start: number): boolean
}

/** One that needs a number of at least so many digits. */
export function numberDetector(minDigits: number, pattern: Omit<Pattern, 'triggers'>): Detector {
  const detector = patternDetector({ ...pattern, triggers: digits })
  return {
    ...detector,
    find: (sample, places) =>
      sample.numberRuns.some((run) => run.digits.length >= minDigits) ? detector.find(sample, places) : [],
  }
}

/**
 * One that looks only from where its triggers stand.
 * @param pattern sticky; its group `value`, or all of it, is what is found
 */
export function placedDetector({
  type,
  maxLength,
  triggers,
  pattern,
  accept = namedValue,
}: Pattern): Detector {
  const maxTriggerLength = Math.max(...triggers.map(({ length }) => length))
  return {
    type,
    maxLength,
    triggers,
    placed: true,
    find(sample, places) {
      const spans: Span[] = []
      let covered = 0
      for (const place of places) {
        if (place < covered) continue
        pattern.lastIndex = place
        const match = pattern.exec(sample.text)
        const span = match ? accept(match, sample) : undefined
        // A stream remembers no more of what stood in front than its reach.
        if (!span || span.start + maxTriggerLength - place > reach) continue
        spans.push(span)
        covered = span.end
      }
      return spans
    },
  }
}

/**
 * One whose values have no greatest length.
 * @param kind `accept` may still refuse what stands between opening and close
 */
export function longDetector(
  kind: Pick<Detector, 'type' | 'triggers'> & Long & { accept?(value: string, atEnd: boolean): boolean },
): Detector {
  const { type, triggers, opens, closes, accept = () => true } = kind
  const leads = [...new Set(triggers.map(({ length }) => length))]
  return {
    type,
    maxLength: { opens, closes },
    triggers,
    placed: true,
    find({ text }, places) {
      const spans: Span[] = []
      let covered = 0
      for (const place of places) {
        if (place <= covered) continue
        const start = leads.map((lead) => place - lead).find((at) => matchesAt(opens, text, at))
        if (start === undefined) continue
        closes.lastIndex = opens.lastIndex
        const end = closes.exec(text) ? closes.lastIndex : text.length
        covered = end
        if (accept(text.slice(start, end), end === text.length)) spans.push({ start, end })
      }
      return spans
    },
  }
}

function matchesAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = Math.max(0, at)
  return at >= 0 && pattern.test(text)
}

/** Takes all of a match. */
export function whole(match: RegExpExecArray): Span {
  return { start: match.index, end: match.index + match[0].length }
}

/** The group `value`, with which the match has to end (but for what `tail` holds); without one the whole match. */
export function namedValue(match: RegExpExecArray): Span | undefined {
  const value = match.groups?.value
  if (value === undefined) return whole(match)
  const end = match.index + match[0].length - (match.groups?.tail?.length ?? 0)
  return { start: end - value.length, end }
}

/** Words as a trigger has to know them: small, with a capital, in capitals. */
export function anyCase(...words: readonly string[]): readonly string[] {
  return words.flatMap((word) => [
    ...new Set([word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()]),
  ])
}
