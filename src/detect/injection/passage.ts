/**
 * The passage that a finding stands in, by which an operator accepts it: the paragraph, from one blank line to the next.
 * It is smaller than a text, so that it is known again when something else of the text has changed.
 */
import type { Span } from '../../core/text.ts'
import { normalForm } from './normal-form.ts'

// Spaces, tabs and the like, but no line's end.
const blankLine = /\n[^\S\n]*\n/g
const invisible = /\p{Default_Ignorable_Code_Point}/gu

/**
 * @param joints where the texts begin that `text` was joined from, in order: a passage does not reach over them, unless
 * the finding does
 * @returns what tells the passage of a finding; findings are asked for in the order of their place. Linear in the text.
 */
export function createPassages(text: string, joints: readonly number[]): (finding: Span) => Span {
  const starts = startsOf(text, joints)
  return ({ start, end }) => ({
    start: starts[indexAt(starts, start)] ?? 0,
    end: starts[indexAt(starts, Math.max(start, end - 1)) + 1] ?? text.length,
  })
}

/**
 * What two passages have in common that say the same. What cannot be seen is part of it: hidden in a passage that was
 * accepted, an attack would otherwise be accepted with it.
 */
export function passageForm(passage: string): string {
  return [normalForm(passage).trim(), ...(passage.match(invisible) ?? [])].join('\0')
}

function startsOf(text: string, joints: readonly number[]): number[] {
  const blanks = Array.from(text.matchAll(blankLine), ({ index, 0: { length } }) => index + length)
  return [...new Set([0, ...joints, ...blanks])].toSorted((a, b) => a - b)
}

/** The index of the last of some places, in order, that is not behind another one; 0 if all are. */
export function indexAt(starts: readonly number[], place: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= place) low = middle
    else high = middle - 1
  }
  return low
}
