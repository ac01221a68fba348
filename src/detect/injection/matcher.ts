/**
 * Finds phrases in a text, in time linear in it.
 *
 * The automaton reports every literal of every step. For each phrase only the latest end of each of its
 * prefixes is kept: gaps have no lower bound, so the latest one is always the best to go on from, and there is
 * nothing to try twice.
 */
import type { Span } from '../../core/text.ts'
import { createAutomaton, type SoughtLiteral } from './automaton.ts'
import type { Step } from './phrase.ts'
import { fenceKind, folded, isSpacedWordUnit, unitKinds, unspacedKind, wordKind } from './units.ts'

export interface Matcher {
  /** @param onMatch index of the phrase, and where it stands in `text` */
  run(text: string, onMatch: (phrase: number, span: Span) => void): void
}

/** A step of one or several phrases: those that begin alike share their first steps. */
interface Node {
  /** The step before, or -1. */
  readonly parent: number
  readonly step: Step
  /** The phrases that are complete with it. */
  readonly phrases: number[]
}

/** One literal and the nodes it can be, the later steps first. */
interface Sought extends SoughtLiteral {
  readonly closes: boolean
  readonly nodes: number[]
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
  const tree = growTree(phrases)
  const sought = literalsOf(tree, fold)
  const automaton = createAutomaton(sought, isSpacedWordUnit, fold)
  // Common words are steps of many phrases; these numbers are all that is read for most of them.
  const parents = Int32Array.from(tree, ({ parent }) => parent)
  const reach = Uint16Array.from(tree, ({ step }) => widestSeparator + step.gap * widestWord)

  // Where the prefix that ends in a node was last seen, counted from the first text this matcher ever read:
  // what an earlier text left behind lies below `base`, so nothing needs clearing between texts.
  const starts = new Float64Array(tree.length)
  const ends = new Float64Array(tree.length)
  let base = 1

  const lengths = Int32Array.from(sought, ({ text }) => text.length)
  const closing = Uint8Array.from(sought, ({ closes }) => (closes ? 1 : 0))
  const nodesFrom = new Int32Array(sought.length + 1)
  const nodes = Int32Array.from(
    sought.flatMap((literal, at) => {
      nodesFrom[at + 1] = (nodesFrom[at] ?? 0) + literal.nodes.length
      return literal.nodes
    }),
  )
  const complete = Uint8Array.from(tree, ({ phrases: ended }) => (ended.length > 0 ? 1 : 0))
  const gaps = Int32Array.from(tree, ({ step }) => step.gap * wholeWord)
  /** Words that begin behind the first unit of a literal. */
  const inner = Int32Array.from(sought, ({ text }) => weightOf(kinds, text, 1, text.length))
  /** Words before the end of the prefix that ends in a node. */
  const weights = new Int32Array(tree.length)

  // Of most phrases a text holds a common word and not the others: what lacks a step anywhere in the text is left out
  // beforehand. The number of the text marks what is there, so that nothing needs clearing between texts.
  let turn = 0
  const isThere = new Float64Array(tree.length)
  const isPossible = new Float64Array(tree.length)
  const isHeard = new Float64Array(sought.length)
  const matters = new Uint8Array(sought.length)
  const heard = new Int32Array(sought.length)
  const completes: number[] = []

  /** Marks the literals that are steps of phrases of which every step is there. @returns whether there are any */
  function select(pairs: Int32Array, length: number): boolean {
    turn++
    completes.length = 0
    let count = 0
    for (let hit = 0; hit < length; hit += 2) {
      const literal = pairs[hit] as number
      if (isHeard[literal] === turn) continue
      isHeard[literal] = turn
      heard[count++] = literal
      const last = nodesFrom[literal + 1] as number
      for (let at = nodesFrom[literal] as number; at < last; at++) {
        const node = nodes[at] as number
        if (isThere[node] === turn) continue
        isThere[node] = turn
        if (complete[node] === 1) completes.push(node)
      }
    }
    let isAny = false
    for (const node of completes) {
      let above = node
      while (above !== -1 && isThere[above] === turn) above = parents[above] as number
      if (above !== -1) continue
      isAny = true
      for (let each = node; each !== -1 && isPossible[each] !== turn; each = parents[each] as number)
        isPossible[each] = turn
    }
    if (!isAny) return false
    for (let index = 0; index < count; index++) {
      const literal = heard[index] as number
      const last = nodesFrom[literal + 1] as number
      let at = nodesFrom[literal] as number
      while (at < last && isPossible[nodes[at] as number] !== turn) at++
      matters[literal] = at < last ? 1 : 0
    }
    return true
  }

  return {
    run(text, onMatch) {
      const { pairs, length } = automaton.hits(text)
      if (!select(pairs, length)) return
      // Words so far: hits come in the order of their ends, so that one walk counts for all of them.
      let weight = 0
      let counted = 0
      let kind = 0
      for (let hit = 0; hit < length; hit += 2) {
        const literal = pairs[hit] as number
        if (matters[literal] === 0) continue
        const end = pairs[hit + 1] as number
        for (; counted < end; counted++) {
          const next = kinds[text.charCodeAt(counted)] as number
          weight += weightOfStep[(kind << 2) | next] as number
          kind = next
        }
        if (closing[literal] === 1 && end < text.length && isSpacedWordUnit(text.charCodeAt(end))) continue
        const start = end - (lengths[literal] as number)
        const place = base + start
        const weightBefore = weight - (inner[literal] as number) - weightAt(kinds, text, start)
        const last = nodesFrom[literal + 1] as number
        for (let at = nodesFrom[literal] as number; at < last; at++) {
          const node = nodes[at] as number
          if (isPossible[node] !== turn) continue
          const parent = parents[node] as number
          let from = place
          if (parent !== -1) {
            const before = ends[parent] as number
            if (before < base || before < place - (reach[node] as number) || before > place) continue
            if (weightBefore - (weights[parent] as number) > (gaps[node] as number)) continue
            from = starts[parent] as number
          }
          starts[node] = from
          ends[node] = base + end
          weights[node] = weight
          if (complete[node] === 1)
            for (const phrase of tree[node]?.phrases ?? []) onMatch(phrase, { start: from - base, end })
        }
      }
      base += text.length + 1
    },
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

function growTree(phrases: readonly (readonly Step[])[]): Node[] {
  const tree: Node[] = []
  const known = new Map<string, number>()
  for (const [phrase, steps] of phrases.entries()) {
    let parent = -1
    for (const step of steps) {
      const key = `${parent} ${JSON.stringify(step)}`
      const node = known.get(key) ?? tree.push({ parent, step, phrases: [] }) - 1
      known.set(key, node)
      parent = node
    }
    tree[parent]?.phrases.push(phrase)
  }
  return tree
}

function literalsOf(tree: readonly Node[], fold: Uint16Array): Sought[] {
  const literals = new Map<string, Sought>()
  for (const [node, { step }] of tree.entries())
    for (const { text: written, opens, closes } of step.literals) {
      const text = foldedBy(fold, written)
      const key = `${opens} ${closes} ${text}`
      const literal = literals.get(key) ?? {
        text,
        opens,
        closes,
        nodes: [],
      }
      literals.set(key, literal)
      // A word that may be two steps of a phrase must be the later one before it becomes the earlier one anew.
      literal.nodes.unshift(node)
    }
  return [...literals.values()]
}

function foldedBy(fold: Uint16Array, text: string): string {
  let folded = ''
  for (let at = 0; at < text.length; at++) folded += String.fromCharCode(fold[text.charCodeAt(at)] ?? 0)
  return folded
}
