/** Whose content is to be erased. */

import { referenceTo } from '../query/reference.ts'
import { type Entry, isBy } from '../write/entry.ts'

/** Selects records whose content is to be erased: all conditions that are given must hold. */
export interface ErasureSelector {
  /** A text that stands in the content: a pseudonym, an address, a name, a session. Compared without case. */
  readonly subject?: string
  /** Id or name of a key; what was done with a token of it is selected, too. */
  readonly identity?: string
  /** RFC 3339: what was written before. */
  readonly before?: string
}

/**
 * Makes a test of lines from a selector.
 * @param references to texts that are to be erased: whatever refers to one is selected, too
 * @returns whether a line (of a record with content, or an old one) is selected
 */
export function matcherOf(
  { subject, identity, before }: ErasureSelector,
  references: readonly string[] = [],
): (line: string) => boolean {
  const wanted = subject?.toLowerCase()
  const gone = new Set(references)
  const limit = before === undefined ? undefined : Date.parse(before)
  return (line) => {
    // An event has no content.
    if (!line.includes('"prompt":')) return false
    const record = JSON.parse(line) as Entry
    if (record.event !== undefined) return false
    if (limit !== undefined && !(Date.parse(record.time) < limit)) return false
    if (identity !== undefined && !isBy(record, identity)) return false
    if (wanted === undefined) return true
    return contentOf(record).some((text) => text.toLowerCase().includes(wanted) || gone.has(text))
  }
}

/**
 * Finds the texts of a line that hold the subject.
 * @returns references to the texts of a line that hold the subject
 */
export function referencesIn(line: string, { subject }: ErasureSelector): string[] {
  if (subject === undefined) return []
  const { prompt } = JSON.parse(line) as Entry
  const texts = textsIn(prompt).filter((text) => text.toLowerCase().includes(subject.toLowerCase()))
  return texts.map(referenceTo)
}

function contentOf({ peer, agent, session, prompt, excerpts, answer, stopped }: Entry): string[] {
  return textsIn([peer, agent, session, prompt, excerpts, answer, stopped])
}

/** Every text in a value, names of fields left out. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}
