/**
 * The phrases of a matcher as a tree: those that begin alike share their first steps, and steps of the same literals share
 * one set of them. What a matcher asks of it for every text it reads is in arrays of numbers.
 */
import type { SoughtLiteral } from './literal-finder.ts'
import type { Step } from './phrase.ts'

/** A step of one or several phrases. */
export interface Node {
  /** The step before, or -1. */
  readonly parent: number
  readonly step: Step
  /** The phrases that are complete with it. */
  readonly phrases: number[]
}

export interface PhraseTree {
  readonly nodes: readonly Node[]
  /** The longest first, so that of hits with one end the longest comes first; and of equal texts those that open a word. */
  readonly literals: readonly SoughtLiteral[]
  /** The set of literals of each node's step. */
  readonly setOf: readonly number[]
  /** The literals of each set. */
  readonly sets: readonly (readonly number[])[]
}

/** @param fold the unit that each unit of text and phrases is read as */
export function growTree(phrases: readonly (readonly Step[])[], fold: Uint16Array): PhraseTree {
  const nodes: Node[] = []
  const known = new Map<string, number>()
  for (const [phrase, steps] of phrases.entries()) {
    let parent = -1
    for (const step of steps) {
      const key = `${parent} ${JSON.stringify(step)}`
      const node = known.get(key) ?? nodes.push({ parent, step, phrases: [] }) - 1
      known.set(key, node)
      parent = node
    }
    nodes[parent]?.phrases.push(phrase)
  }
  return { nodes, ...shareLiterals(nodes, fold) }
}

function shareLiterals(nodes: readonly Node[], fold: Uint16Array): Omit<PhraseTree, 'nodes'> {
  const literals = new Map<string, SoughtLiteral>()
  const keys = nodes.map(({ step }) =>
    step.literals.map(({ text: written, opens, closes }) => {
      const text = foldedBy(fold, written)
      const key = `${opens} ${closes} ${text}`
      if (!literals.has(key)) literals.set(key, { text, opens, closes })
      return key
    }),
  )
  const ordered = [...literals].sort(
    ([, a], [, b]) => b.text.length - a.text.length || Number(b.opens) - Number(a.opens),
  )
  const indexOf = new Map(ordered.map(([key], index) => [key, index]))
  const sets = new Map<string, { readonly index: number; readonly members: readonly number[] }>()
  const setOf = keys.map((own) => {
    const members = [...new Set(own.map((key) => indexOf.get(key) ?? 0))].sort((a, b) => a - b)
    const name = members.join()
    const set = sets.get(name) ?? { index: sets.size, members }
    sets.set(name, set)
    return set.index
  })
  return {
    literals: ordered.map(([, literal]) => literal),
    setOf,
    sets: [...sets.values()].map(({ members }) => members),
  }
}

function foldedBy(fold: Uint16Array, text: string): string {
  let folded = ''
  for (let at = 0; at < text.length; at++) folded += String.fromCharCode(fold[text.charCodeAt(at)] ?? 0)
  return folded
}

/** Lists of numbers end to end: list `n` is what stands between `from[n]` and `from[n + 1]`. */
export interface Lists {
  readonly from: Int32Array
  readonly all: Int32Array
}

export function listsOf(lists: readonly (readonly number[])[]): Lists {
  const from = new Int32Array(lists.length + 1)
  for (const [at, { length }] of lists.entries()) from[at + 1] = (from[at] ?? 0) + length
  return { from, all: Int32Array.from(lists.flat()) }
}

/** For each value below `count`, the lists that hold it, in order. */
export function invert(lists: readonly (readonly number[])[], count: number): number[][] {
  const holders: number[][] = Array.from({ length: count }, () => [])
  for (const [at, list] of lists.entries()) for (const value of list) holders[value]?.push(at)
  return holders
}
