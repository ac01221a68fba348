/**
 * Aho-Corasick over UTF-16 code units: finds every occurrence of thousands of literals in one pass, one table
 * look-up a character, whatever the text and however many literals (Aho & Corasick, CACM 18(6), 1975).
 *
 * Two things are added. Characters that occur in no literal share two classes (word and separator), so the
 * table stays small. And a literal may demand a word boundary before it: the boundary is a state of the
 * automaton, so that `in` costs nothing inside `mountain`.
 */
import { unitCount } from '../../core/code-units.ts'

/** A text that is looked for. */
export interface SoughtLiteral {
  readonly text: string
  /** Only where a word begins. */
  readonly opens: boolean
}

/** Finds literals in texts. */
export interface Automaton {
  /**
   * Walks `text` once and calls back for every occurrence.
   * @param onHit index of the literal, and the index behind its last code unit
   */
  run(text: string, onHit: (literal: number, end: number) => void): void
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
  const classes = classify(literals, isWordUnit, fold)
  const trie = growTrie(literals, classes)
  const { rows, ends, endings } = pack(trie, follow(trie, classes), classes)
  const { of: classOf, count } = classes
  return {
    run(text, onHit) {
      let state = BOUNDARY
      for (let at = 0; at < text.length; at++) {
        state = rows[state * count + (classOf[text.charCodeAt(at)] as number)] as number
        if (state < ends) continue
        state -= ends
        const ended = endings[state] as Uint32Array
        for (let k = 0; k < ended.length; k++) onHit(ended[k] as number, at + 1)
      }
    },
  }
}

interface Trie {
  /** One row of classes for each state: where a unit leads, -1 where there is no branch. */
  readonly table: Int32Array
  /** The literals that end with each state. */
  readonly ending: number[][]
}

function growTrie(literals: readonly SoughtLiteral[], { of, count }: Classes): Trie {
  const size = literals.reduce((sum, { text }) => sum + text.length, 2)
  const table = new Int32Array(size * count).fill(-1)
  const ending: number[][] = [[], []]
  for (const [index, { text, opens }] of literals.entries()) {
    let state = opens ? BOUNDARY : ROOT
    for (let at = 0; at < text.length; at++) {
      const cell = state * count + (of[text.charCodeAt(at)] ?? 0)
      if (table[cell] === -1) table[cell] = ending.push([]) - 1
      state = table[cell] ?? 0
    }
    ending[state]?.push(index)
  }
  return { table, ending }
}

/**
 * Fills the table: a missing branch goes where the longest proper suffix would go, and its endings count too.
 * @returns the states, breadth first
 */
function follow({ table, ending }: Trie, { count, separators }: Classes): readonly number[] {
  const suffix = new Int32Array(ending.length)
  const queue = [ROOT, BOUNDARY]
  for (const state of queue) {
    const fallback = suffix[state] ?? ROOT
    if (state !== ROOT) ending[state] = [...(ending[state] ?? []), ...(ending[fallback] ?? [])]
    for (let unit = 0; unit < count; unit++) {
      const cell = state * count + unit
      const elsewhere =
        state === ROOT ? (separators.has(unit) ? BOUNDARY : ROOT) : (table[fallback * count + unit] ?? ROOT)
      const branch = table[cell] ?? -1
      if (branch === -1) table[cell] = elsewhere
      else {
        suffix[branch] = elsewhere
        queue.push(branch)
      }
    }
  }
  return queue
}

/**
 * Puts states in the order of their depth, since texts stay in the shallow ones, and into as little memory as they need.
 * Numbers of states from `ends` on are those, plus `ends`, that end something.
 */
function pack({ table, ending }: Trie, queue: readonly number[], { count }: Classes) {
  const rank = new Int32Array(ending.length)
  for (const [place, state] of queue.entries()) rank[state] = place
  const isSmall = ending.length < 0x8000
  const ends = isSmall ? 0x8000 : 0x4000_0000
  const rows = isSmall ? new Uint16Array(ending.length * count) : new Int32Array(ending.length * count)
  for (const [place, state] of queue.entries())
    for (let unit = 0; unit < count; unit++) {
      const next = table[state * count + unit] ?? 0
      rows[place * count + unit] = (rank[next] ?? 0) | ((ending[next]?.length ?? 0) > 0 ? ends : 0)
    }
  return { rows, ends, endings: queue.map((state) => Uint32Array.from(ending[state] ?? [])) }
}

interface Classes {
  /** Of each unit. */
  readonly of: Uint16Array
  readonly count: number
  readonly separators: ReadonlySet<number>
}

/** A class for every code unit that occurs in a literal, and two for all the others. */
function classify(
  literals: readonly SoughtLiteral[],
  isWordUnit: (unit: number) => boolean,
  fold: Uint16Array | undefined,
): Classes {
  const classes = new Uint16Array(unitCount)
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
    for (let unit = 0; unit < classes.length; unit++) {
      const read = fold[unit] as number
      if (read !== unit && seen.has(read) && !seen.has(unit)) classes[unit] = classes[read] as number
    }
  return { of: classes, count, separators }
}
