/**
 * Masking: personal data and secrets become `<type:number>`, or `<type:pseudonym>` where records are to be joined. The
 * same value gets the same mask within one masker, so that a record stays readable. Masks what its detectors know, and
 * nothing else.
 */
import { stripInvisible } from '../../core/strip-invisible.ts'
import type { Span } from '../../core/text.ts'
import { createAutomaton } from '../injection/automaton.ts'
import { isAlphanumeric } from './codes.ts'
import { Sample } from './detector.ts'
import { detectors } from './detectors.ts'
import { unescaped } from './unescape.ts'

export interface MaskedSpan extends Span {
  readonly type: string
}

const none: readonly MaskedSpan[] = []

export interface Masker {
  /** @param within what of it is wanted: masked as the whole text is, and never cut within a mask */
  mask(text: string, within?: Span): string
}

/** For each trigger, the ranks of those it wakes, and of those among them that look only where it stands. */
interface Trigger {
  readonly text: string
  readonly opens: boolean
  readonly ranks: number[]
  readonly placed: number[]
}
const triggers = new Map<string, Trigger>()
for (const [rank, detector] of detectors.entries())
  for (const text of detector.triggers) {
    const opens = detector.atWords === true && isAlphanumeric(text.charCodeAt(0))
    const trigger = triggers.get(`${opens} ${text}`) ?? { text, opens, ranks: [], placed: [] }
    triggers.set(`${opens} ${text}`, trigger)
    trigger.ranks.push(rank)
    if (detector.placed) trigger.placed.push(rank)
  }
const wakes = [...triggers.values()]
const automaton = createAutomaton(wakes, isAlphanumeric)

interface Found extends MaskedSpan {
  /** Of the detector: where spans overlap, an earlier one names it. */
  readonly rank: number
}

/** What would be masked: without overlaps, in order. Linear in the text. */
export function findSensitive(text: string): readonly MaskedSpan[] {
  const found = detect(text)
  const view = unescaped(text)
  if (view) {
    if (!view.asItCame) for (const span of detect(view.text)) found.push({ ...span, ...view.original(span) })
    const seen = stripInvisible(view.text)
    if (seen) for (const span of detect(seen.text)) found.push({ ...span, ...view.original(seen.span(span)) })
  }
  if (found.length === 0) return none
  found.sort((a, b) => a.start - b.start || a.rank - b.rank || b.end - a.end)
  const kept: MaskedSpan[] = []
  for (const { start, end, type, rank } of found) {
    const last = kept.at(-1)
    if (!last || start >= last.end) kept.push({ start, end, type })
    else if (end > last.end) {
      // Two kinds that overlap in part: cover both. What has no greatest length keeps its name, for it may go on.
      const isLong = typeof detectors[rank]?.maxLength === 'object'
      kept[kept.length - 1] = { start: last.start, end: isLong ? start : end, type: last.type }
      if (isLong) kept.push({ start, end, type })
    }
  }
  return kept
}

function detect(text: string): Found[] {
  // One walk decides which detectors have anything to look for, and where.
  let places: (number[] | undefined)[] | undefined
  const seen: boolean[] = []
  automaton.run(text, (trigger, end) => {
    const { ranks, placed } = wakes[trigger] as (typeof wakes)[number]
    places ??= []
    if (!seen[trigger]) for (const rank of ranks) places[rank] ??= []
    seen[trigger] = true
    for (const rank of placed) places[rank]?.push(end)
  })
  const found: Found[] = []
  if (places === undefined) return found
  const sample = new Sample(text)
  for (const [rank, detector] of detectors.entries()) {
    const own = places[rank]
    if (own === undefined) continue
    for (const { start, end } of detector.find(sample, own))
      found.push({ start, end, type: detector.type, rank })
  }
  return found
}

/** Tells the same name for the same value of a type, and nothing of the value. */
export type Pseudonym = (type: string, value: string) => string

/**
 * @param find what is to be masked
 * @param pseudonym what stands in a mask instead of a number
 */
export function createMasker(
  find: (text: string) => readonly MaskedSpan[] = findSensitive,
  pseudonym: Pseudonym = numbered(),
): Masker {
  return {
    mask(text, within = { start: 0, end: text.length }) {
      const spans = find(text)
      let masked = ''
      let from = within.start
      for (const { start, end, type } of spans) {
        if (end <= within.start || start >= within.end) continue
        masked += `${text.slice(from, start)}<${type}:${pseudonym(type, text.slice(start, end))}>`
        from = end
      }
      return masked === '' && within.start === 0 && within.end >= text.length
        ? text
        : masked + text.slice(from, Math.max(from, within.end))
    },
  }
}

function numbered(): Pseudonym {
  const numbers = new Map<string, string>()
  const counts = new Map<string, number>()
  return (type, value) => {
    const key = `${type} ${value}`
    const known = numbers.get(key)
    if (known !== undefined) return known
    const count = (counts.get(type) ?? 0) + 1
    counts.set(type, count)
    numbers.set(key, String(count))
    return String(count)
  }
}
