/**
 * Finds phrases in a text, in time linear in it.
 *
 * The literals of all steps are found first, and phrases of which a step is missing are ruled out. For each of the others
 * only the latest end of each of its prefixes is kept: gaps have no lower bound, so the latest one is always the best to go
 * on from, and there is nothing to try twice.
 */
import type { Span } from '../../core/text.ts'
import { createLiteralFinder, type LiteralFinder } from './literal-finder.ts'
import type { Step } from './phrase.ts'
import { createPhraseFilter, type PhraseFilter } from './phrase-filter.ts'
import { growTree, type PhraseTree } from './phrase-tree.ts'
import { fenceKind, folded, isSpacedWordUnit, unitKinds, unspacedKind, wordKind } from './units.ts'

/** Finds phrases in texts. */
export interface Matcher {
  /** @param onMatch index of the phrase, and where it stands in `text` */
  run(text: string, onMatch: (phrase: number, span: Span) => void): void
}

/** A word of the gap, with its separator, is taken for at most this many characters; between steps may stand more. */
const widestWord = 24
const widestSeparator = 512

/**
 * @param fold the unit that each unit of text and phrases is read as
 * @param kinds how units make up the words that gaps are counted in
 */
export function createMatcher(
  phrases: readonly (readonly Step[])[],
  fold = folded,
  kinds = unitKinds,
): Matcher {
  const tree = growTree(phrases, fold)
  return new PhraseMatcher(tree, createLiteralFinder(tree.literals, fold, isSpacedWordUnit), kinds)
}

class PhraseMatcher implements Matcher {
  readonly #finder: LiteralFinder
  readonly #filter: PhraseFilter
  readonly #kinds: Uint8Array
  readonly #completed: readonly (readonly number[])[]
  readonly #parents: Int32Array
  /** How far back the step before may end, in units, and how many words may stand between, as a weight. */
  readonly #reach: Int32Array
  readonly #gaps: Int32Array
  readonly #lengths: Int32Array
  /** Words that begin behind the first unit of a literal. */
  readonly #inner: Int32Array

  // Where the prefix that ends in a node was last seen, counted from the first text this matcher ever read:
  // what an earlier text left behind lies below `base`, so nothing needs clearing between texts.
  readonly #starts: Float64Array
  readonly #ends: Float64Array
  /** Words before the end of the prefix that ends in a node. */
  readonly #weights: Int32Array
  #base = 1

  constructor(tree: PhraseTree, finder: LiteralFinder, kinds: Uint8Array) {
    const { nodes, literals } = tree
    this.#finder = finder
    this.#filter = createPhraseFilter(tree)
    this.#kinds = kinds
    this.#completed = nodes.map(({ phrases }) => phrases)
    this.#parents = Int32Array.from(nodes, ({ parent }) => parent)
    this.#reach = Int32Array.from(nodes, ({ step }) => widestSeparator + step.gap * widestWord)
    this.#gaps = Int32Array.from(nodes, ({ step }) => step.gap * wholeWord)
    this.#lengths = Int32Array.from(literals, ({ text }) => text.length)
    this.#inner = Int32Array.from(literals, ({ text }) => weightOf(kinds, text, 1, text.length))
    this.#starts = new Float64Array(nodes.length)
    this.#ends = new Float64Array(nodes.length)
    this.#weights = new Int32Array(nodes.length)
  }

  run(text: string, onMatch: (phrase: number, span: Span) => void): void {
    const { pairs, length } = this.#finder.find(text)
    const filter = this.#filter
    if (length === 0 || !filter.select(pairs, length)) return
    // Words so far: hits come in the order of their ends, so that one walk counts for all of them.
    let weight = 0
    let counted = 0
    let kind = 0
    for (let hit = 0; hit < length; hit += 2) {
      const literal = pairs[hit] as number
      const end = pairs[hit + 1] as number
      if (filter.from[literal] === filter.to[literal] || !this.#finder.isAt(literal, text, end)) continue
      for (; counted < end; counted++) {
        const next = this.#kinds[text.charCodeAt(counted)] as number
        weight += weightOfStep[(kind << 2) | next] as number
        kind = next
      }
      this.#advance(text, literal, end, weight, onMatch)
    }
    this.#base += text.length + 1
  }

  /** Goes on with every prefix that the literal may continue there. @param weight words before its end */
  #advance(
    text: string,
    literal: number,
    end: number,
    weight: number,
    onMatch: (phrase: number, span: Span) => void,
  ): void {
    const start = end - (this.#lengths[literal] as number)
    const place = this.#base + start
    const weightBefore = weight - (this.#inner[literal] as number) - weightAt(this.#kinds, text, start)
    const { nodes, from, to } = this.#filter
    const last = to[literal] as number
    for (let at = from[literal] as number; at < last; at++) {
      const node = nodes[at] as number
      const parent = this.#parents[node] as number
      let first = place
      if (parent !== -1) {
        const before = this.#ends[parent] as number
        if (before < this.#base || before < place - (this.#reach[node] as number) || before > place) continue
        if (weightBefore - (this.#weights[parent] as number) > (this.#gaps[node] as number)) continue
        first = this.#starts[parent] as number
      }
      this.#starts[node] = first
      this.#ends[node] = this.#base + end
      this.#weights[node] = weight
      for (const phrase of this.#completed[node] as readonly number[])
        onMatch(phrase, { start: first - this.#base, end })
    }
  }
}

/** In scripts without spaces, two characters are a word. */
const wholeWord = 2
const beyondGaps = 1000
/** From the kind of one unit to that of the next: without branches, which words would mislead. */
const weightOfStep = Int32Array.from({ length: 16 }, (_, step) => {
  const next = step & 3
  if (next === unspacedKind) return 1
  if (next === fenceKind) return beyondGaps
  return next === wordKind && step >> 2 !== wordKind && step >> 2 !== unspacedKind ? wholeWord : 0
})

/** Whether a word begins there, as a weight. */
function weightAt(kinds: Uint8Array, text: string, at: number): number {
  const before = at === 0 ? 0 : (kinds[text.charCodeAt(at - 1)] ?? 0)
  return weightOfStep[(before << 2) | (kinds[text.charCodeAt(at)] ?? 0)] ?? 0
}

function weightOf(kinds: Uint8Array, text: string, from: number, to: number): number {
  let weight = 0
  for (let at = from; at < to; at++) weight += weightAt(kinds, text, at)
  return weight
}
