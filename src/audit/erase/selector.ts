/** Whose content is to be erased. */
import { hash } from 'node:crypto'
import { referenceIn } from '../query/references.ts'
import { type Entry, isBy } from '../write/entry.ts'

/** Selects records whose content is to be erased: all conditions that are given must hold. */
export interface ErasureSelector {
  /** A text that stands in the content: a pseudonym, an address, a name, a session. Compared without case. */
  readonly subject?: string
  /** Id of a person behind a key, compared as a whole and without case. */
  readonly person?: string
  /** Id or name of a key; what was done with a token of it is selected, too. */
  readonly identity?: string
  /** RFC 3339: what was written before. */
  readonly before?: string
}

/**
 * Makes a test of lines from a selector, which is given the lines of a segment in their order: a record holds what it
 * refers to, as if it stood there.
 * @param digests of texts that are to be erased, by which version 0.2 referred to texts
 * @returns whether a line (of a record with content, or an old one) is selected
 */
export function matcherOf(
  { subject, identity, person, before }: ErasureSelector,
  digests: readonly string[] = [],
): (line: string) => boolean {
  const wanted = subject?.toLowerCase()
  const gone = new Set(digests)
  const limit = before === undefined ? undefined : Date.parse(before)
  const holds = (value: unknown) =>
    wanted !== undefined &&
    textsIn(value).some((text) => text.toLowerCase().includes(wanted) || gone.has(text))
  const entries = createEntriesThat(holds)
  return (line) => {
    // References end with their segment.
    if (line.includes('"event":"segment"')) entries.clear()
    // An event has no content.
    if (!line.includes('"prompt":')) return false
    const record = JSON.parse(line) as Entry
    if (record.event !== undefined) return false
    // Also of a record that is not selected: another one may refer to it.
    const isHolding = wanted !== undefined && entries.add(record)
    if (limit !== undefined && !(Date.parse(record.time) < limit)) return false
    if (identity !== undefined && !isBy(record, identity)) return false
    if (person !== undefined && record.person !== person.toLowerCase()) return false
    const { peer, agent, session, excerpts, answer, stopped } = record
    return (
      wanted === undefined ||
      isHolding ||
      holds([peer, agent, session, record.person, excerpts, answer, stopped])
    )
  }
}

/** The entries of prompts that hold something, or refer to one that does. */
function createEntriesThat(holds: (value: unknown) => boolean) {
  const found = new Map<number, ReadonlySet<number>>()
  const isFound = (entry: unknown) => {
    const reference = referenceIn(entry)
    if (!reference) return holds(entry)
    const { seq, index, count } = reference
    for (const each of found.get(seq) ?? []) if (each >= index && each < index + count) return true
    return false
  }
  return {
    /** @returns whether the prompt of the record has such an entry */
    add({ seq, prompt }: Entry): boolean {
      // In an old record it may be anything.
      if (!Array.isArray(prompt)) return holds(prompt)
      const indices = new Set<number>()
      for (const [index, entry] of prompt.entries()) if (isFound(entry)) indices.add(index)
      if (indices.size > 0) found.set(seq, indices)
      return indices.size > 0
    },
    clear: () => found.clear(),
  }
}

/**
 * Finds the texts of a line that hold the subject.
 * @returns the digests by which version 0.2 refers to them
 */
export function digestsIn(line: string, { subject }: ErasureSelector): string[] {
  if (subject === undefined) return []
  const { prompt } = JSON.parse(line) as Entry
  const texts = textsIn(prompt).filter((text) => text.toLowerCase().includes(subject.toLowerCase()))
  return texts.map((text) => hash('sha256', text).slice(0, digestLength))
}

/** Hex digits of a SHA-256. */
const digestLength = 16

/** Every text in a value, names of fields left out. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}
