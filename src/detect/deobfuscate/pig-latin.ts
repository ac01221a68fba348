/**
 * Pig latin: `ignoreway allway eviouspray instructionsway`. Told by a few words of attacks that look like nothing else when
 * they are turned so.
 */
import { type Edit, rewrite, type TextView } from '../injection/text-view.ts'

const vowel = /[aeiou]/
const turnedWord = /\b[a-z]{1,24}ay\b/gi
/** How English words begin. */
const onset =
  /^(?:[bcdfghjklmnpqrstvwxyz]|[bcdfgkps]l|[bcdfgkpt]r|[dst]w|[cpst]h|[gk]n|s[cklmnpqt]|sch|s[cpt]r|s[hp][lr]|shr|thr|wh|wr|qu|squ)$/

/** Turns a word in small letters, as the marks by which a text is known are. */
export function toPigLatin(word: string): string {
  const first = word.search(vowel)
  return first <= 0 ? `${word}way` : `${word.slice(first)}${word.slice(0, first)}ay`
}

/**
 * @param known words that what may be turned in several ways is read as
 * @returns a view in which each word that may be turned is turned back
 */
export function fromPigLatin(before: TextView, known: ReadonlySet<string>): TextView {
  const edits: Edit[] = []
  for (const { 0: word, index: start } of before.text.matchAll(turnedWord)) {
    const text = turnedBack(word.toLowerCase(), known)
    if (text !== undefined) edits.push({ start, end: start + word.length, text })
  }
  return rewrite(before, edits)
}

/** At most five letters were moved to the end. */
function turnedBack(word: string, known: ReadonlySet<string>): string | undefined {
  const stem = word.slice(0, -2)
  const candidates = /[wy]$/.test(stem) ? [stem.slice(0, -1)] : []
  for (let moved = 1; moved <= 4 && moved < stem.length; moved++) {
    const letters = stem.slice(-moved)
    if (onset.test(letters)) candidates.push(letters + stem.slice(0, -moved))
  }
  return candidates.find((each) => known.has(each)) ?? candidates[0]
}
