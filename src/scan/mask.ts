/**
 * Masking: personal data and secrets become `<type:number>`. The same value gets the same number within one
 * masker, so that a record stays readable. Masks what its detectors know, and nothing else.
 */
import type { Span } from '../core/text.ts'
import { createAutomaton } from './automaton.ts'
import { Sample } from './detectors/detector.ts'
import { detectors } from './detectors/detectors.ts'
import { unescaped } from './unescape.ts'

export interface MaskedSpan extends Span {
  readonly type: string
}

const none: readonly MaskedSpan[] = []

export interface Masker {
  mask(text: string): string
}

const triggers = [...new Set(detectors.flatMap((detector) => detector.triggers))]
/** For each trigger, whom it wakes: one bit a detector. */
const wakes = triggers.map((trigger) =>
  detectors.reduce((bits, detector, rank) => bits | (detector.triggers.includes(trigger) ? 1 << rank : 0), 0),
)
const automaton = createAutomaton(
  triggers.map((text) => ({ text, opens: false })),
  () => true,
)

interface Found extends MaskedSpan {
  /** Of the detector: where spans overlap, an earlier one names it. */
  readonly rank: number
}

/** What would be masked: without overlaps, in order. Linear in the text. */
export function findSensitive(text: string): readonly MaskedSpan[] {
  const view = unescaped(text)
  const found = view
    ? [...detect(text), ...detect(view.text).map((span) => ({ ...span, ...view.original(span) }))]
    : detect(text)
  if (found.length === 0) return none
  found.sort((a, b) => a.start - b.start || a.rank - b.rank || b.end - a.end)
  const kept: MaskedSpan[] = []
  for (const { start, end, type } of found) {
    const last = kept.at(-1)
    if (!last || start >= last.end) kept.push({ start, end, type })
    // Two kinds that overlap in part: cover both.
    else if (end > last.end) kept[kept.length - 1] = { start: last.start, end, type: last.type }
  }
  return kept
}

function detect(text: string): Found[] {
  // One walk decides which detectors have anything to look for.
  let wanted = 0
  automaton.run(text, (trigger) => {
    wanted |= wakes[trigger] as number
  })
  const found: Found[] = []
  if (wanted === 0) return found
  const sample = new Sample(text)
  for (const [rank, { type, find }] of detectors.entries())
    if (wanted & (1 << rank))
      for (const { start, end } of find(sample)) found.push({ start, end, type, rank })
  return found
}

/** @param find what is to be masked */
export function createMasker(find: (text: string) => readonly MaskedSpan[] = findSensitive): Masker {
  const numbers = new Map<string, number>()
  const counts = new Map<string, number>()
  const numberOf = (type: string, value: string): number => {
    const key = `${type} ${value}`
    const known = numbers.get(key)
    if (known !== undefined) return known
    const fresh = (counts.get(type) ?? 0) + 1
    counts.set(type, fresh)
    numbers.set(key, fresh)
    return fresh
  }
  return {
    mask(text) {
      const spans = find(text)
      if (spans.length === 0) return text
      let masked = ''
      let from = 0
      for (const { start, end, type } of spans) {
        masked += `${text.slice(from, start)}<${type}:${numberOf(type, text.slice(start, end))}>`
        from = end
      }
      return masked + text.slice(from)
    },
  }
}
