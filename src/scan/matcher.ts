/**
 * Finds phrases in a normal form, in time linear in the text.
 *
 * The automaton reports every literal of every step. For each phrase only the latest end of each of its
 * prefixes is kept: gaps have no lower bound, so the latest one is always the best to go on from, and there is
 * nothing to try twice.
 */
import type { Span } from '../core/text.ts'
import { createAutomaton, type SoughtLiteral } from './automaton.ts'
import type { Step } from './phrase.ts'

export interface Matcher {
  /** @param onMatch index of the phrase, and where it stands in `text` */
  run(text: string, onMatch: (phrase: number, span: Span) => void): void
}

/** One literal and the steps it can be, by the number of their cell. */
interface Sought extends SoughtLiteral {
  readonly closes: boolean
  readonly cells: number[]
}

/** A word of the gap, with its separator, is taken for at most this many characters. */
const widestWord = 24

export function createMatcher(phrases: readonly (readonly Step[])[]): Matcher {
  // Every step of every phrase has a cell; the cells of one phrase are neighbours.
  const steps = phrases.flatMap((steps, phrase) =>
    steps.map(({ gap, literals }, index) => ({
      phrase,
      gap,
      literals,
      first: index === 0,
      last: index === steps.length - 1,
    })),
  )
  const literals = new Map<string, Sought>()
  for (const [cell, step] of steps.entries())
    for (const { text, opens, closes } of step.literals) {
      const key = `${opens} ${closes} ${text}`
      const literal = literals.get(key) ?? { text, opens, closes, cells: [] }
      literals.set(key, literal)
      literal.cells.push(cell)
    }
  const sought = [...literals.values()]
  const automaton = createAutomaton(sought, isWordUnit)

  // Where the prefix that ends in a cell was last seen, counted from the first text this matcher ever read:
  // what an earlier text left behind lies below `base`, so nothing needs clearing between texts.
  const starts = new Float64Array(steps.length)
  const ends = new Float64Array(steps.length)
  let base = 1

  return {
    run(text, onMatch) {
      automaton.run(text, (literal, end) => {
        const { closes, cells, text: found } = sought[literal] as Sought
        if (closes && end < text.length && isWordUnit(text.charCodeAt(end))) return
        const start = end - found.length
        for (const cell of cells) {
          const step = steps[cell] as (typeof steps)[number]
          let from = base + start
          if (!step.first) {
            const before = ends[cell - 1] as number
            if (before < base || before > from || !within(text, before - base, start, step.gap)) continue
            from = starts[cell - 1] as number
          }
          starts[cell] = from
          ends[cell] = base + end
          if (step.last) onMatch(step.phrase, { start: from - base, end })
        }
      })
      base += text.length + 1
    },
  }
}

/** Whether at most `gap` words stand between two places; in scripts without spaces, two characters are a word. */
function within(text: string, from: number, to: number, gap: number): boolean {
  if (to - from > (gap + 1) * widestWord) return false
  let words = 0
  let halves = 0
  let inWord = from > 0 && isWordUnit(text.charCodeAt(from - 1))
  for (let at = from; at < to; at++) {
    const unit = text.charCodeAt(at)
    const word = isWordUnit(unit)
    if (isUnspaced(unit)) halves++
    else if (word && !inWord) words++
    if (words + halves / 2 > gap) return false
    inWord = word
  }
  return true
}

/** Kana, Han, Hangul. */
function isUnspaced(unit: number): boolean {
  return (unit >= 0x3040 && unit <= 0x9fff) || (unit >= 0xac00 && unit <= 0xd7a3)
}

/** Letters, digits and underscore; outside ASCII everything that is no common separator. */
function isWordUnit(unit: number): boolean {
  if (unit < 0x80)
    return (
      (unit >= 0x61 && unit <= 0x7a) ||
      (unit >= 0x30 && unit <= 0x39) ||
      (unit >= 0x41 && unit <= 0x5a) ||
      unit === 0x5f
    )
  if (unit < 0xc0) return false
  // General punctuation, CJK punctuation, full-width forms of ASCII punctuation.
  return !((unit >= 0x2000 && unit <= 0x206f) || (unit >= 0x3000 && unit <= 0x303f) || unit >= 0xff00)
}
