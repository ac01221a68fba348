/**
 * Aho-Corasick over UTF-16 code units: finds every occurrence of thousands of literals in one pass, one table
 * look-up a character, whatever the text and however many literals (Aho & Corasick, CACM 18(6), 1975).
 *
 * Two things are added. Characters that occur in no literal share two classes (word and separator), so the
 * table stays small. And a literal may demand a word boundary before it: the boundary is a state of the
 * automaton, so that `in` costs nothing inside `mountain`.
 */

export interface SoughtLiteral {
  readonly text: string
  /** Only where a word begins. */
  readonly opens: boolean
  /** Only where a word ends; `hits` may leave out the others, `run` does not. */
  readonly closes?: boolean
}

export interface Automaton {
  /**
   * Walks `text` once and calls back for every occurrence.
   * @param onHit index of the literal, and the index behind its last code unit
   */
  run(text: string, onHit: (literal: number, end: number) => void): void
  /** The same, put down: index of the literal and end, in turns. Valid until the next call. */
  hits(text: string): { readonly pairs: Int32Array; readonly length: number }
}

const ROOT = 0
/** "A word may begin here": where a text starts, and behind every separator. */
const BOUNDARY = 1
const OTHER_WORD = 0
const OTHER_SEPARATOR = 1
const frequent = ' etaoinshrdlucmfwypvbgk'

/**
 * @param isWordUnit tells letters and digits from separators
 * @param fold the unit that each unit is read as; absent, they are what they are
 */
export function createAutomaton(
  literals: readonly SoughtLiteral[],
  isWordUnit: (unit: number) => boolean,
  fold?: Uint16Array,
): Automaton {
  const { classes, count, separators } = classify(literals, isWordUnit, fold)

  // The trie: one row of classes per state, -1 where it has no branch.
  const size = literals.reduce((sum, { text }) => sum + text.length, 2)
  const branches = new Int32Array(size * count).fill(-1)
  const ending: number[][] = [[], []]
  for (const [index, { text, opens }] of literals.entries()) {
    let state = opens ? BOUNDARY : ROOT
    for (let at = 0; at < text.length; at++) {
      const cell = state * count + (classes[text.charCodeAt(at)] ?? 0)
      if (branches[cell] === -1) branches[cell] = ending.push([]) - 1
      state = branches[cell] ?? 0
    }
    ending[state]?.push(index)
  }

  // Breadth first: a missing branch goes where the longest proper suffix would go, and its endings count too.
  const table = new Int32Array(ending.length * count)
  const suffix = new Int32Array(ending.length)
  const queue = [ROOT, BOUNDARY]
  for (const state of queue) {
    const fallback = suffix[state] ?? ROOT
    if (state !== ROOT) ending[state] = [...(ending[state] ?? []), ...(ending[fallback] ?? [])]
    for (let unit = 0; unit < count; unit++) {
      const cell = state * count + unit
      const elsewhere =
        state === ROOT ? (separators.has(unit) ? BOUNDARY : ROOT) : (table[fallback * count + unit] ?? ROOT)
      const branch = branches[cell] ?? -1
      table[cell] = branch === -1 ? elsewhere : branch
      if (branch === -1) continue
      suffix[branch] = elsewhere
      queue.push(branch)
    }
  }

  // Last, states in the order of their depth, since texts stay in the shallow ones, and in as little memory as they
  // need; one bit says that the state ends something.
  const rank = new Int32Array(ending.length)
  for (const [place, state] of queue.entries()) rank[state] = place
  const isSmall = ending.length < 0x8000
  const ends = isSmall ? 0x8000 : 0x4000_0000
  const rows = isSmall ? new Uint16Array(table.length) : new Int32Array(table.length)
  for (const [place, state] of queue.entries())
    for (let unit = 0; unit < count; unit++) {
      const next = table[state * count + unit] ?? 0
      rows[place * count + unit] = (rank[next] ?? 0) | ((ending[next]?.length ?? 0) > 0 ? ends : 0)
    }
  const endings = queue.map((state) => Uint32Array.from(ending[state] ?? []))
  const closing = Uint8Array.from(endings, (list) =>
    list.every((literal) => literals[literal]?.closes === true) ? 1 : 0,
  )
  const isWord = Uint8Array.from(classes, (_, unit) => (isWordUnit(unit) ? 1 : 0))
  let pairs = new Int32Array(1024)

  return {
    hits(text) {
      let length = 0
      let state = BOUNDARY
      for (let at = 0; at < text.length; at++) {
        state = rows[state * count + (classes[text.charCodeAt(at)] as number)] as number
        if (state < ends) continue
        state -= ends
        if (closing[state] === 1 && isWord[text.charCodeAt(at + 1)] === 1) continue
        const ended = endings[state] as Uint32Array
        if (length + 2 * ended.length > pairs.length) pairs = grown(pairs)
        for (let k = 0; k < ended.length; k++) {
          pairs[length++] = ended[k] as number
          pairs[length++] = at + 1
        }
      }
      return { pairs, length }
    },
    run(text, onHit) {
      let state = BOUNDARY
      for (let at = 0; at < text.length; at++) {
        state = rows[state * count + (classes[text.charCodeAt(at)] as number)] as number
        if (state < ends) continue
        state -= ends
        const ended = endings[state] as Uint32Array
        for (let k = 0; k < ended.length; k++) onHit(ended[k] as number, at + 1)
      }
    },
  }
}

function grown(pairs: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(4 * pairs.length)
  larger.set(pairs)
  return larger
}

/** A class for every code unit that occurs in a literal, and two for all the others. */
function classify(
  literals: readonly SoughtLiteral[],
  isWordUnit: (unit: number) => boolean,
  fold: Uint16Array | undefined,
) {
  const classes = new Uint16Array(0x10000)
  for (let unit = 0; unit < classes.length; unit++)
    classes[unit] = isWordUnit(unit) ? OTHER_WORD : OTHER_SEPARATOR
  const separators = new Set([OTHER_SEPARATOR])
  let count = 2
  const seen = new Set<number>()
  const used = new Set(literals.flatMap(({ text }) => text.split('')))
  // What is read most stands together in memory.
  for (const letter of [...frequent, ...used]) {
    const unit = letter.charCodeAt(0)
    if (seen.has(unit) || !used.has(letter)) continue
    seen.add(unit)
    if (!isWordUnit(unit)) separators.add(count)
    classes[unit] = count++
  }
  if (fold)
    for (let unit = 0; unit < classes.length; unit++)
      if (!seen.has(unit) && seen.has(fold[unit] ?? 0)) classes[unit] = classes[fold[unit] ?? 0] ?? 0
  return { classes, count, separators }
}
