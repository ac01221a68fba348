/** Letters of other alphabets that pass for Latin ones. A text that is written in one of those is not touched by it. */
import { type Edit, rewrite, type TextView } from '../injection/text-view.ts'
import { lookAlikes } from './look-alike-table.ts'

const latin = new Map(
  Object.entries(lookAlikes).flatMap(([letter, twins]) => [...twins].map((twin) => [twin, letter] as const)),
)
const strangers = /[^\p{ASCII}]/gu

/** Returns a view with Latin letters in the place of those that look like them. */
export function latinised(before: TextView): TextView | undefined {
  const edits: Edit[] = []
  for (const { 0: character, index: start } of before.text.matchAll(strangers)) {
    const text = latin.get(character)
    if (text !== undefined) edits.push({ start, end: start + character.length, text })
  }
  return edits.length === 0 ? undefined : rewrite(before, edits)
}
