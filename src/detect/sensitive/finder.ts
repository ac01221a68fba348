/**
 * Finds what a set of detectors knows in a text: as the text came, with its escapes undone (`unescape.ts`), and without
 * what nobody sees in it.
 */
import { stripInvisible } from '../../core/strip-invisible.ts'
import type { Span } from '../../core/text.ts'
import { type Automaton, createAutomaton } from '../injection/automaton.ts'
import { isAlphanumeric } from './codes.ts'
import { type Detector, Sample } from './detector.ts'
import { unescaped } from './unescape.ts'

/** A stretch of a text that is to be masked, and as what. */
export interface MaskedSpan extends Span {
  readonly type: string
}

const none: readonly MaskedSpan[] = []

/** For each trigger, the ranks of those it wakes, and of those among them that look only where it stands. */
interface Trigger {
  readonly text: string
  readonly opens: boolean
  readonly ranks: number[]
  readonly placed: number[]
}

interface Found extends MaskedSpan {
  /** Of the detector: where spans overlap, an earlier one names it. */
  readonly rank: number
}

/** Made once for a set of detectors: building its automaton takes milliseconds. */
export class SensitiveFinder {
  // Private, so that whoever freezes a policy does not freeze the patterns of its detectors.
  readonly #detectors: readonly Detector[]
  readonly #wakes: readonly Trigger[]
  readonly #automaton: Automaton
  /** Whether a detector looks at every text, whatever triggers it holds. */
  readonly #looksAlways: boolean

  /** @param detectors the first of two that overlap names what both found */
  constructor(detectors: readonly Detector[]) {
    this.#detectors = detectors
    this.#wakes = triggersOf(detectors)
    this.#automaton = createAutomaton(this.#wakes, isAlphanumeric)
    this.#looksAlways = detectors.some(({ always }) => always === true)
  }

  get detectors(): readonly Detector[] {
    return this.#detectors
  }

  /** Finds what is to be masked: without overlaps, in order. Linear in the text. */
  find(text: string): readonly MaskedSpan[] {
    const found = this.#detect(text)
    const view = unescaped(text)
    if (view) {
      if (!view.asItCame)
        for (const span of this.#detect(view.text)) found.push({ ...span, ...view.original(span) })
      const seen = stripInvisible(view.text)
      if (seen)
        for (const span of this.#detect(seen.text)) found.push({ ...span, ...view.original(seen.span(span)) })
    }
    return found.length === 0 ? none : this.#withoutOverlaps(found)
  }

  #withoutOverlaps(found: Found[]): readonly MaskedSpan[] {
    found.sort((a, b) => a.start - b.start || a.rank - b.rank || b.end - a.end)
    const kept: MaskedSpan[] = []
    for (const { start, end, type, rank } of found) {
      const last = kept.at(-1)
      if (!last || start >= last.end) kept.push({ start, end, type })
      else if (end > last.end) {
        // Two kinds that overlap in part: cover both. What has no greatest length keeps its name, for it may go on.
        const isLong = typeof this.#detectors[rank]?.maxLength === 'object'
        kept[kept.length - 1] = { start: last.start, end: isLong ? start : end, type: last.type }
        if (isLong) kept.push({ start, end, type })
      }
    }
    return kept
  }

  #detect(text: string): Found[] {
    // One walk decides which detectors have anything to look for, and where.
    let places: (number[] | undefined)[] | undefined
    const seen: boolean[] = []
    this.#automaton.run(text, (trigger, end) => {
      const { ranks, placed } = this.#wakes[trigger] as Trigger
      places ??= []
      if (!seen[trigger]) for (const rank of ranks) places[rank] ??= []
      seen[trigger] = true
      for (const rank of placed) places[rank]?.push(end)
    })
    const found: Found[] = []
    if (places === undefined && !this.#looksAlways) return found
    const sample = new Sample(text)
    for (const [rank, detector] of this.#detectors.entries()) {
      const own = detector.always ? noPlaces : places?.[rank]
      if (own === undefined) continue
      for (const { start, end } of detector.find(sample, own))
        found.push({ start, end, type: detector.type, rank })
    }
    return found
  }
}

const noPlaces: readonly number[] = []

function triggersOf(detectors: readonly Detector[]): readonly Trigger[] {
  const triggers = new Map<string, Trigger>()
  for (const [rank, detector] of detectors.entries())
    for (const text of detector.triggers) {
      const opens = detector.atWords === true && isAlphanumeric(text.charCodeAt(0))
      const trigger = triggers.get(`${opens} ${text}`) ?? { text, opens, ranks: [], placed: [] }
      triggers.set(`${opens} ${text}`, trigger)
      trigger.ranks.push(rank)
      if (detector.placed) trigger.placed.push(rank)
    }
  return [...triggers.values()]
}
