/** Places of findings in a masked text. A record has what surrounds a finding, and that stands somewhere in its text. */
import type { Excerpt } from '../../api/types.ts'

/** A piece of a text, and the findings in it. */
export interface Passage {
  readonly text: string
  readonly findings: readonly string[]
}

const withheld = '<withheld>'

/**
 * Cuts a masked text where excerpts begin and end. Masks are numbered by text, so an excerpt may differ in that number and
 * is not found then. @returns all of the text, in order
 */
export function passagesOf(text: string, excerpts: readonly Excerpt[]): readonly Passage[] {
  const places = excerpts
    .flatMap(({ text: excerpt, findings }) => {
      const wanted = excerpt.startsWith(withheld) ? excerpt.slice(withheld.length) : excerpt
      const start = wanted === '' ? -1 : text.indexOf(wanted)
      return start === -1 ? [] : [{ start, end: start + wanted.length, findings }]
    })
    .toSorted((a, b) => a.start - b.start)
  const passages: Passage[] = []
  let at = 0
  for (const { start, end, findings } of places) {
    if (end <= at) continue
    const from = Math.max(start, at)
    if (from > at) passages.push({ text: text.slice(at, from), findings: [] })
    passages.push({ text: text.slice(from, end), findings })
    at = end
  }
  if (at < text.length) passages.push({ text: text.slice(at), findings: [] })
  return passages
}
